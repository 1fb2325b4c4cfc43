// A person's own chat: what was said, live, and what is written here, which waits in this browser until it arrived.
"use strict";

const TEXTS = {
  zh: {
    chat: "聊天", messages: "消息", earlier: "更早的消息", newest: "有新消息 ↓", text: "输入消息", send: "发送",
    me: "我", other: "对方", connecting: "连接中…", offline: "网络已断开,恢复后自动发送", gone: "聊天链接无效或已失效",
    waiting: "等待发送", refused: "未送达", language: "English",
  },
  en: {
    chat: "Chat", messages: "Messages", earlier: "Earlier messages", newest: "New messages ↓", text: "Write a message",
    send: "Send", me: "Me", other: "They", connecting: "Connecting…",
    offline: "Offline; messages are sent when the network is back", gone: "This chat link is not valid any more",
    waiting: "Waiting", refused: "Not delivered", language: "中文",
  },
};
const LAST = Number.MAX_SAFE_INTEGER;
const PAUSES = [1, 2, 4, 8, 15, 30];
const REFUSED = [400, 413, 415, 422];
const PATIENCE = 65_000; // ms; the service gives itself 60 s
const AWAY = 30_000; // ms in the background after which nobody knows whether the connection still lives

const token = location.pathname.split("/").pop();
const address = new URL(`../api/webchat/${token}`, location.href).href;
const find = (id) => document.getElementById(id);
const [name, state, scroller, log, lines] = ["name", "state", "scroller", "log", "lines"].map(find);
const [earlier, newest, text, send] = ["earlier", "newest", "text", "send"].map(find);

const shown = new Map();
const timers = new Map();
let language = read("language", "zh") === "en" ? "en" : "zh";
let waiting = readWaiting();
const known = new Set(waiting.map((each) => each.id));
let source = null;
let streamed = 0; // All up to this number are here; what an answer brings may stand beyond a gap.
let isSending = false;
let isGone = false;
let isAtEnd = true;
let hiddenSince = Date.now();
let failures = 0;
let unread = 0;
let stateKey = "";
let title = null;

// A browser may forbid storage, above all in somebody else's page: then nothing outlives this one.
function read(key, otherwise) {
  try {
    return JSON.parse(localStorage.getItem(`huiyin-${key}`)) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function keep(key, value) {
  try {
    localStorage.setItem(`huiyin-${key}`, JSON.stringify(value));
  } catch {
    // See above.
  }
}

function readWaiting() {
  const kept = read(`waiting-${token}`, []);
  return Array.isArray(kept) ? kept.filter((each) => each?.id && each.text) : [];
}

// Another tab with the same chat keeps its own messages in the same place.
function keepWaiting() {
  keep(`waiting-${token}`, [...readWaiting().filter((each) => !known.has(each.id)), ...waiting]);
}

function element(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

function say(key) {
  return TEXTS[language][key];
}

function format(moment, options) {
  return new Intl.DateTimeFormat(language === "zh" ? "zh-CN" : "en", options).format(new Date(moment));
}

function speak() {
  const isBusy = log.ariaBusy;
  log.ariaBusy = "true"; // Other words for what a reader of the screen has heard are no news.
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  for (const node of document.querySelectorAll("[data-text]")) node.textContent = say(node.dataset.text);
  for (const node of document.querySelectorAll("[data-label]")) node.setAttribute("aria-label", say(node.dataset.label));
  for (const node of document.querySelectorAll("[data-hint]")) node.placeholder = say(node.dataset.hint);
  for (const node of document.querySelectorAll("time")) tell(node);
  find("language").textContent = say("language");
  find("language").lang = language === "zh" ? "en" : "zh-CN";
  name.textContent = title ?? say("chat");
  state.textContent = stateKey && say(stateKey);
  entitle();
  log.ariaBusy = isBusy;
}

function tell(node) {
  node.textContent = node.classList.contains("date")
    ? format(node.dateTime, { dateStyle: "medium" })
    : format(node.dateTime, { hour: "2-digit", minute: "2-digit" });
}

function entitle() {
  document.title = (unread ? `(${unread}) ` : "") + (title ?? say("chat"));
}

function become(key) {
  if (key === stateKey) return; // Written again it would be read out again.
  stateKey = key;
  state.textContent = key && say(key);
}

function bubble(direction, content, ...below) {
  const who = element("span", { className: "unseen" });
  who.dataset.text = direction === "inbound" ? "me" : "other";
  who.textContent = say(who.dataset.text);
  return element("li", { className: `line ${direction}` }, who, element("p", {}, content), element("small", {}, ...below));
}

function clock(moment, className) {
  const made = element("time", { dateTime: moment, className });
  tell(made);
  return made;
}

function dayOf(node) {
  return node && new Date(node.dataset.moment).toDateString();
}

// Lines stand in the order of their numbers, and before the first one of each day its date. One at a time, so that a reader
// of the screen is told of nothing twice.
function place(line) {
  if (shown.has(line.number)) return;
  const made = bubble(line.direction, line.text, clock(line.created_at, "hour"));
  made.dataset.moment = line.created_at;
  shown.set(line.number, made);
  const earlierNumbers = [...shown.keys()].filter((number) => number < line.number);
  const before = shown.get(Math.max(...earlierNumbers));
  if (before) before.after(made);
  else lines.prepend(made);
  const next = made.nextElementSibling;
  if (next?.classList.contains("day") && dayOf(next.nextElementSibling) === dayOf(made)) next.remove();
  if (dayOf(before) !== dayOf(made)) {
    made.before(element("li", { className: "day" }, clock(line.created_at, "date")));
  }
}

function add(found) {
  const fresh = found.filter((line) => !shown.has(line.number));
  if (!fresh.length) return;
  fresh.forEach(place);
  if (isAtEnd || fresh.at(-1).direction === "inbound") toEnd();
  else newest.hidden = false;
  if (document.hidden) unread += fresh.filter((line) => line.direction === "outbound").length;
  entitle();
}

function isBelow() {
  return scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 60;
}

function toEnd() {
  isAtEnd = true;
  scroller.scrollTop = scroller.scrollHeight;
  newest.hidden = true;
}

async function showEarlier() {
  const first = Math.min(...shown.keys());
  const answer = await ask(`/messages?before=${first}`);
  if (!answer?.found) return;
  const { results } = answer.found;
  const below = scroller.scrollHeight - scroller.scrollTop;
  log.ariaBusy = "true";
  results.forEach(place);
  log.ariaBusy = "false";
  scroller.scrollTop = scroller.scrollHeight - below;
  earlier.hidden = !results.length || Math.min(...shown.keys()) <= 1;
}

// Null where nothing was answered, or somebody else answered: a login or a page of errors on the way, which is no JSON.
// A link that opens nothing ends everything.
async function ask(path, options) {
  try {
    const signal = AbortSignal.timeout?.(PATIENCE);
    const answer = await fetch(address + path, { cache: "no-store", redirect: "error", signal, ...options });
    const { status, headers } = answer;
    const isOurs = Boolean(headers.get("Content-Type")?.includes("json"));
    if (isOurs && (status === 404 || (!path && status === 422))) leave();
    return { status, wait: Number(headers.get("Retry-After")) || undefined, found: answer.ok ? await answer.json() : null };
  } catch {
    return null;
  }
}

function leave() {
  isGone = true;
  source?.close();
  become("gone");
  text.disabled = send.disabled = true;
  showWaiting();
}

function later(work, seconds) {
  failures += 1;
  clearTimeout(timers.get(work));
  timers.set(work, setTimeout(now, 1000 * (seconds ?? PAUSES[Math.min(failures, PAUSES.length) - 1]), work));
}

function now(work) {
  clearTimeout(timers.get(work));
  timers.delete(work);
  work();
}

function interrupted() {
  become(navigator.onLine ? "connecting" : "offline");
}

async function begin() {
  const who = await ask("");
  const page = who?.found && (await ask(`/messages?before=${LAST}`));
  if (isGone) return;
  if (!page?.found) {
    interrupted();
    later(begin);
    return;
  }
  title = who.found.name;
  page.found.results.forEach(place);
  streamed = Math.max(0, ...shown.keys());
  log.ariaBusy = "false";
  earlier.hidden = Math.min(LAST, ...shown.keys()) <= 1 || !shown.size;
  text.disabled = send.disabled = false;
  speak();
  toEnd();
  listen();
  flush();
}

function listen() {
  if (isGone) return;
  source?.close();
  const stream = new EventSource(`${address}/stream?after=${streamed}`);
  source = stream;
  stream.onopen = () => {
    failures = 0;
    become("");
    flush();
  };
  stream.onmessage = (event) => {
    const line = JSON.parse(event.data);
    streamed = Math.max(streamed, line.number);
    add([line]);
  };
  stream.onerror = async () => {
    interrupted();
    if (stream.readyState !== EventSource.CLOSED) return;
    // Refused rather than interrupted: browsers do not try again by themselves.
    await ask("");
    if (!isGone && source === stream) later(listen);
  };
}

function showWaiting() {
  keepWaiting();
  find("waiting").replaceChildren(
    ...waiting.map((each) => {
      const isLost = Boolean(each.refused || isGone);
      const note = element("span", { textContent: say(isLost ? "refused" : "waiting") });
      note.dataset.text = isLost ? "refused" : "waiting";
      const made = bubble("inbound", each.text, note);
      made.classList.toggle("failed", isLost);
      return made;
    }),
  );
}

function write(content) {
  // What was not taken is not kept for ever: the next message takes its place.
  waiting = waiting.filter((each) => !each.refused);
  const id = newId();
  known.add(id);
  waiting.push({ id, text: content });
  showWaiting();
  toEnd();
  flush();
}

function newId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

// One after the other, in their order; each goes again under the same id until it was answered, and counts once.
async function flush() {
  if (isSending || isGone) return;
  isSending = true;
  try {
    for (let next; !isGone && (next = waiting.find((each) => !each.refused)); ) {
      const answer = await ask("/messages", {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ content: next.text, client_id: next.id }),
      });
      if (isGone) return;
      if (answer?.found) waiting = waiting.filter((each) => each !== next);
      else if (answer && REFUSED.includes(answer.status)) next.refused = true;
      else {
        if (!answer) interrupted();
        later(flush, answer?.wait);
        return;
      }
      showWaiting();
      if (answer.found) {
        failures = 0;
        if (source?.readyState === EventSource.OPEN) become("");
        add(answer.found.results);
      }
    }
  } finally {
    isSending = false;
  }
}

find("compose").addEventListener("submit", (event) => {
  event.preventDefault();
  const content = text.value.trim();
  if (!content) return;
  text.value = "";
  write(content);
});
text.addEventListener("keydown", (event) => {
  // Enter also ends the writing of a Chinese word: that one does not send.
  if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
  event.preventDefault();
  find("compose").requestSubmit();
});
find("language").addEventListener("click", () => {
  language = language === "zh" ? "en" : "zh";
  keep("language", language);
  speak();
});
earlier.addEventListener("click", showEarlier);
newest.addEventListener("click", toEnd);
scroller.addEventListener("scroll", () => {
  isAtEnd = isBelow();
  if (isAtEnd) newest.hidden = true;
});
// A keyboard on the screen and a text of many lines take room: whoever reads the newest goes on reading it.
new ResizeObserver(() => isAtEnd && toEnd()).observe(scroller);
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    hiddenSince = Date.now();
    return;
  }
  unread = 0;
  entitle();
  if (source && Date.now() - hiddenSince > AWAY) listen();
});
addEventListener("online", () => {
  if (isGone) return;
  failures = 0;
  interrupted();
  if (source) listen();
  [...timers.keys()].forEach(now);
});
addEventListener("offline", () => isGone || interrupted());

speak();
become("connecting");
showWaiting();
begin();
