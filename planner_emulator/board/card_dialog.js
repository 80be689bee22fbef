// The window in which a card is edited. Only what the person changed is sent, so that what others change meanwhile
// survives.

import { avatar, byNumber, labelPill } from "/board/card.js";

const CATEGORIES = Array.from({ length: 25 }, (_, place) => `category${place + 1}`);

export class CardDialog {
  /** `actions.save(id, fields)` and `actions.remove(id)` answer whether it worked. */
  constructor(element, actions) {
    this.element = element;
    this.form = element.querySelector("form");
    this.fields = this.form.elements;
    this.form.addEventListener("submit", async (event) => {
      event.preventDefault();
      this.takeItem();
      const changes = this.changes();
      if (!Object.keys(changes).length || (await actions.save(this.task.id, changes))) element.close();
    });
    for (const button of element.querySelectorAll(".close")) button.addEventListener("click", () => element.close());
    element.querySelector(".delete").addEventListener("click", async () => {
      if (await actions.remove(this.task.id)) element.close();
    });
    this.fields.percentComplete.addEventListener("input", () => this.showPercent());
    element.querySelector(".new-item").addEventListener("keydown", (event) => this.addItem(event));
  }

  open(task, plan, users) {
    this.task = task;
    const { fields } = this;
    fields.title.value = task.title;
    fields.bucketId.replaceChildren(...plan.buckets.map((each) => new Option(each.name, each.id)));
    if (!task.bucketId) fields.bucketId.prepend(new Option("No bucket", ""));
    fields.bucketId.value = task.bucketId ?? "";
    fields.priority.value = word(task.priority);
    fields.startDateTime.value = (task.startDateTime ?? "").slice(0, 10);
    fields.dueDateTime.value = (task.dueDateTime ?? "").slice(0, 10);
    fields.percentComplete.step = task.percentComplete % 5 ? 1 : 5;
    fields.percentComplete.value = task.percentComplete;
    fields.description.value = task.details.description;
    this.showPercent();
    this.showChecklist(task.details.checklist);
    this.showChoices(task, plan, users);
    this.showReferences(task.details.references);
    this.find(".made").textContent = `Created ${new Date(task.createdDateTime).toLocaleString("en-GB")}`;
    this.element.showModal();
    this.element.scrollTop = 0;
    fields.title.setSelectionRange(task.title.length, task.title.length);
  }

  /** The changed fields, with Graph's names and shapes. */
  changes() {
    const { fields, task } = this;
    const found = {};
    const note = (name, value, before) => {
      if (value !== before) found[name] = value;
    };
    note("title", fields.title.value.trim(), task.title);
    note("bucketId", fields.bucketId.value || null, task.bucketId);
    if (fields.priority.value !== word(task.priority)) found.priority = Number(fields.priority.value);
    for (const name of ["startDateTime", "dueDateTime"]) {
      // Planner's page stores the chosen day at 10:00 UTC.
      if (fields[name].value !== (task[name] ?? "").slice(0, 10)) {
        found[name] = fields[name].value ? `${fields[name].value}T10:00:00Z` : null;
      }
    }
    note("percentComplete", Number(fields.percentComplete.value), task.percentComplete);
    const asShown = (text) => text.replaceAll("\r\n", "\n");
    note("description", fields.description.value, asShown(task.details.description));
    this.noteChoices(found);
    this.noteChecklist(found);
    return found;
  }

  noteChoices(found) {
    for (const [kind, member, off] of [["label", "appliedCategories", false], ["person", "assignments", null]]) {
      const changed = {};
      for (const box of this.element.querySelectorAll(`input[data-${kind}]`)) {
        if (box.checked !== box.defaultChecked) changed[box.dataset[kind]] = box.checked || off;
      }
      if (Object.keys(changed).length) found[member] = changed;
    }
  }

  noteChecklist(found) {
    const before = this.task.details.checklist;
    const changed = {};
    const rows = [...this.element.querySelectorAll(".checklist li")];
    for (const row of rows) {
      const [title, isChecked] = [row.querySelector(".text").value.trim(), row.querySelector("[type=checkbox]").checked];
      const was = before[row.dataset.item];
      if (!title) changed[row.dataset.item] = null;
      else if (!was) changed[row.dataset.item] = { title, isChecked, orderHint: " !" };
      else if (was.title !== title || was.isChecked !== isChecked) changed[row.dataset.item] = { title, isChecked };
    }
    for (const id of Object.keys(before)) if (!rows.some((row) => row.dataset.item === id)) changed[id] = null;
    for (const [id, item] of Object.entries(changed)) if (item === null && !before[id]) delete changed[id];
    if (Object.keys(changed).length) found.checklist = changed;
  }

  showPercent() {
    this.fields.percent.value = `${this.fields.percentComplete.value}%`;
  }

  showChecklist(items) {
    const inOrder = Object.entries(items).sort(([, one], [, other]) => oldestFirst(one, other));
    this.find(".checklist").replaceChildren(...inOrder.map(([id, item]) => checklistRow(id, item)));
    this.find(".new-item").value = "";
  }

  addItem(event) {
    if (event.key !== "Enter") return;
    event.preventDefault();
    this.takeItem();
  }

  /** Make a checklist item of what stands in the line for a new one. */
  takeItem() {
    const line = this.find(".new-item");
    const title = line.value.trim();
    if (title) this.find(".checklist").append(checklistRow(crypto.randomUUID(), { title, isChecked: false }));
    line.value = "";
  }

  showChoices(task, plan, users) {
    const named = CATEGORIES.filter((each) => plan.labels[each] || task.appliedCategories[each]).sort(byNumber);
    const spare = CATEGORIES.filter((each) => !named.includes(each)).slice(0, 3);
    this.find(".label-choices").replaceChildren(
      ...[...named, ...spare].map((each) =>
        choice("label", each, each in task.appliedCategories, labelPill(each, plan)),
      ),
    );
    const people = [...new Set([...users.map((each) => each.id), ...Object.keys(task.assignments)])];
    this.find(".people-choices").replaceChildren(
      ...people.map((id) => {
        const name = document.createElement("span");
        name.append(avatar(id, users), ` ${users.find((each) => each.id === id)?.name ?? id}`);
        return choice("person", id, id in task.assignments, name);
      }),
    );
  }

  showReferences(references) {
    const entries = Object.entries(references);
    this.find(".references").hidden = !entries.length;
    this.find(".references ul").replaceChildren(...entries.map(([key, item]) => referenceRow(key, item)));
  }

  find(selector) {
    return this.element.querySelector(selector);
  }
}

/** The word that Planner's page shows for a priority, as the value of its option. */
function word(priority) {
  if (priority <= 1) return "1";
  if (priority <= 4) return "3";
  return priority <= 7 ? "5" : "9";
}

function choice(kind, value, isChosen, content) {
  const label = document.createElement("label");
  const box = document.createElement("input");
  box.type = "checkbox";
  box.dataset[kind] = value;
  box.checked = box.defaultChecked = isChosen;
  label.className = "choice";
  label.append(box, content);
  return label;
}

const oldestFirst = (one, other) =>
  one.orderHint === other.orderHint ? 0 : one.orderHint < other.orderHint ? 1 : -1;

function checklistRow(id, item) {
  const row = document.createElement("li");
  const box = document.createElement("input");
  const text = document.createElement("input");
  const remove = document.createElement("button");
  row.dataset.item = id;
  box.type = "checkbox";
  box.checked = item.isChecked;
  box.setAttribute("aria-label", "Done");
  text.className = "text";
  text.maxLength = 100;
  text.value = item.title;
  text.setAttribute("aria-label", "Checklist item");
  text.addEventListener("keydown", (event) => event.key === "Enter" && event.preventDefault());
  remove.type = "button";
  remove.className = "quiet";
  remove.textContent = "×";
  remove.setAttribute("aria-label", "Remove item");
  remove.addEventListener("click", () => row.remove());
  row.append(box, text, remove);
  return row;
}

function referenceRow(key, item) {
  const row = document.createElement("li");
  const url = decodeURIComponent(key);
  const isWeb = /^https?:\/\//i.test(url);
  const link = document.createElement(isWeb ? "a" : "span");
  link.textContent = item.alias || url;
  if (isWeb) Object.assign(link, { href: url, target: "_blank", rel: "noopener noreferrer" });
  row.append(link);
  return row;
}
