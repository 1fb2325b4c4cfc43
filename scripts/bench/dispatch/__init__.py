"""D1, D3, D4, D5: the dispatcher beside programs by hand that do the same work and keep the same promises."""
