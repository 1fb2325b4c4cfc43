"""The dispatcher: who is due, may they be written to, and what became of it.

Web chat: one transaction locks, decides and writes; a crash undoes all of it; with an inbox, people are claimed with a
lease and the inbox asked before that transaction. Gateways: claim with a lease and commit;
ask the inbox; lock, decide again and reserve a record, commit; deliver with no transaction open; write the results.
"""
