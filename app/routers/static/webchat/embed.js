// Shows a person's chat in another page:
//   <script src="https://huiyin.example.com/webchat/embed.js" data-token="…" async></script>
// The page's origin must be one of HUIYIN_CHAT_ORIGINS.
"use strict";

(() => {
  const script = document.currentScript;
  const chat = new URL(`../chat/${encodeURIComponent(script.dataset.token)}`, script.src).href;
  const label = script.dataset.label ?? "在线聊天 Chat";
  const font = "16px/1.5 system-ui, -apple-system, 'PingFang SC', 'Microsoft YaHei', sans-serif";

  // Styles are set one by one: pages with a policy of their own forbid style sheets and attributes, not this.
  function element(tag, style, attributes) {
    const made = document.createElement(tag);
    Object.assign(made.style, style);
    for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
    return made;
  }

  const host = element("div", { position: "fixed", right: "16px", bottom: "16px", zIndex: "2147483000" }, {});
  const root = host.attachShadow({ mode: "open" });
  const button = element(
    "button",
    {
      display: "block", minHeight: "48px", marginLeft: "auto", padding: "0 20px", border: "0", borderRadius: "24px",
      background: "#0b6bcb", color: "#ffffff", font, cursor: "pointer", boxShadow: "0 2px 10px rgb(0 0 0 / 30%)",
    },
    { type: "button", "aria-expanded": "false" },
  );
  button.textContent = label;
  root.append(button);
  let frame = null;

  function toggle(isOpen) {
    if (isOpen && !frame) {
      frame = element(
        "iframe",
        {
          display: "block", width: "min(400px, calc(100vw - 32px))", height: "min(600px, calc(100vh - 96px))",
          marginBottom: "12px", border: "1px solid #d0d7de", borderRadius: "12px", background: "#ffffff",
        },
        { src: chat, title: label, referrerpolicy: "no-referrer" },
      );
      root.prepend(frame);
    }
    if (frame) frame.style.display = isOpen ? "block" : "none";
    button.setAttribute("aria-expanded", String(isOpen));
    // The frame stands before the button: without this the keyboard would leave it behind.
    if (isOpen) frame.focus();
  }

  // A script in the head may be there before the body is.
  if (document.body) document.body.append(host);
  else addEventListener("DOMContentLoaded", () => document.body.append(host));

  button.addEventListener("click", () => toggle(button.getAttribute("aria-expanded") === "false"));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") toggle(false);
  });
})();
