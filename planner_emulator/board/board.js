// The board: columns and cards, drawn anew from the state once a second. Text goes in as textContent only.

import { act, readState } from "/board/api.js";
import { fillCard } from "/board/card.js";
import { CardDialog } from "/board/card_dialog.js";

const INTERVAL_MS = 1000;
const NO_BUCKET = "";

const byId = (id) => document.getElementById(id);
const columns = new Map(); // bucket id -> its section
let state = { revision: -1, users: [], plans: [] };
let shown = new Map(); // task id -> its JSON text when it was last drawn
let dragged = null;

const plan = () => state.plans.find((each) => each.id === byId("plans").value) ?? state.plans[0];
const user = () => byId("users").value || undefined;
const task = (id) => plan().tasks.find((each) => each.id === id);

const dialog = new CardDialog(byId("card-dialog"), {
  save: (id, fields) => perform("edit", { task_id: id, fields }),
  remove: (id) => perform("delete", { task_id: id }),
});

async function perform(action, fields) {
  try {
    await act(action, { ...fields, user: user() });
    await refresh();
    return true;
  } catch (error) {
    toast(error.message);
    return false;
  }
}

async function refresh() {
  try {
    const fresh = await readState(state.revision);
    live(true);
    if (fresh === null) return;
    state = fresh;
    draw();
  } catch {
    live(false);
  }
}

function draw() {
  fillSelect(byId("plans"), state.plans.map((each) => [each.id, each.title]));
  fillSelect(byId("users"), state.users.map((each) => [each.id, each.name]));
  byId("plans").hidden = state.plans.length < 2;
  byId("plan-title").hidden = state.plans.length > 1;
  if (!plan()) return byId("board").replaceChildren();
  byId("plan-title").textContent = plan().title;
  document.title = plan().title;
  drawColumns();
  if (dragged === null) drawCards();
}

function drawColumns() {
  const loose = plan().tasks.some((each) => bucketOf(each) === NO_BUCKET);
  const wanted = plan().buckets.map((each) => [each.id, each.name]);
  if (loose) wanted.push([NO_BUCKET, "No bucket"]);
  for (const [id, section] of columns) {
    if (!wanted.some(([each]) => each === id)) {
      section.remove();
      columns.delete(id);
    }
  }
  for (const [id, name] of wanted) {
    if (!columns.has(id)) columns.set(id, newColumn(id));
    columns.get(id).querySelector(".column-name").textContent = name;
  }
  const inOrder = wanted.map(([id]) => columns.get(id));
  if (inOrder.some((section, place) => byId("board").children[place] !== section)) byId("board").append(...inOrder);
}

function newColumn(bucketId) {
  const section = byId("column-template").content.firstElementChild.cloneNode(true);
  section.dataset.bucket = bucketId;
  section.querySelector(".add").addEventListener("submit", async (event) => {
    event.preventDefault();
    const input = event.target.elements.title;
    const title = input.value.trim();
    if (title && (await perform("create", { plan_id: plan().id, title, bucketId: bucketId || null }))) input.value = "";
  });
  section.addEventListener("dragover", (event) => {
    event.preventDefault();
    section.classList.add("target");
  });
  section.addEventListener("dragleave", (event) => {
    if (!section.contains(event.relatedTarget)) section.classList.remove("target");
  });
  section.addEventListener("drop", (event) => {
    event.preventDefault();
    section.classList.remove("target");
    const moved = dragged && task(dragged);
    if (moved && bucketId && moved.bucketId !== bucketId) perform("move", { task_id: moved.id, bucket_id: bucketId });
  });
  return section;
}

function drawCards() {
  const next = new Map();
  for (const [bucketId, section] of columns) {
    const tasks = plan().tasks.filter((each) => bucketOf(each) === bucketId);
    const open = tasks.filter((each) => each.percentComplete < 100);
    const done = tasks.filter((each) => each.percentComplete >= 100);
    section.querySelector(".count").textContent = open.length || "";
    placeCards(section.querySelector(".cards"), [...open, ...done], next);
  }
  shown = next;
}

/** Keeps the elements of cards that did not change, so that hovering, focus and scrolling survive. */
function placeCards(list, tasks, next) {
  const present = new Map([...list.children].map((element) => [element.dataset.task, element]));
  tasks.forEach((each, place) => {
    const text = JSON.stringify([each, plan().labels]);
    const was = shown.get(each.id);
    let element = present.get(each.id);
    if (!element || was !== text) {
      const fresh = newCard(each);
      if (shown.size && was !== text) fresh.classList.add(was ? "changed" : "created");
      element?.replaceWith(fresh);
      element = fresh;
    }
    present.delete(each.id);
    next.set(each.id, text);
    if (list.children[place] !== element) list.insertBefore(element, list.children[place] ?? null);
  });
  for (const gone of present.values()) gone.remove();
}

function newCard(each) {
  const element = byId("card-template").content.firstElementChild.cloneNode(true);
  fillCard(element, each, plan(), state.users);
  const id = each.id;
  const open = () => dialog.open(task(id), plan(), state.users);
  element.addEventListener("click", open);
  element.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target === element) open();
  });
  element.querySelector(".check").addEventListener("click", (event) => {
    event.stopPropagation();
    perform(task(id).percentComplete < 100 ? "complete" : "reopen", { task_id: id });
  });
  element.addEventListener("dragstart", (event) => {
    dragged = id;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", id);
    element.classList.add("dragged");
  });
  element.addEventListener("dragend", () => {
    dragged = null;
    element.classList.remove("dragged");
    draw();
  });
  return element;
}

/** A bucket that is gone counts as none. */
function bucketOf(each) {
  return plan().buckets.some((bucket) => bucket.id === each.bucketId) ? each.bucketId : NO_BUCKET;
}

function fillSelect(select, options) {
  const text = JSON.stringify(options);
  if (select.dataset.options === text) return;
  const chosen = select.value;
  select.replaceChildren(...options.map(([value, name]) => new Option(name, value)));
  if (options.some(([value]) => value === chosen)) select.value = chosen;
  select.dataset.options = text;
}

function live(isLive) {
  byId("live").textContent = isLive ? "live" : "not connected";
  byId("live").classList.toggle("off", !isLive);
}

function toast(message) {
  byId("toast").textContent = message;
  byId("toast").hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => (byId("toast").hidden = true), 6000);
}

byId("plans").addEventListener("change", () => {
  shown = new Map();
  draw();
});

async function run() {
  await refresh();
  setTimeout(run, document.hidden ? 5 * INTERVAL_MS : INTERVAL_MS);
}

run();
