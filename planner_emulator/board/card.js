// One card on the board: what a person sees at a glance.

const PRIORITIES = [
  [1, "urgent", "Urgent"],
  [4, "important", "Important"],
];

/** Fill an empty card element from a task. */
export function fillCard(element, task, plan, users) {
  const find = (name) => element.querySelector(`.${name}`);
  element.dataset.task = task.id;
  element.classList.toggle("done", task.percentComplete >= 100);
  find("title").textContent = task.title;
  find("labels").append(...Object.keys(task.appliedCategories).sort(byNumber).map((each) => labelPill(each, plan)));
  find("people").append(...Object.keys(task.assignments).map((id) => avatar(id, users)));
  find("bar").hidden = task.percentComplete === 0 || task.percentComplete >= 100;
  find("bar").firstElementChild.style.width = `${task.percentComplete}%`;
  find("bar").title = `${task.percentComplete}%`;
  fillMeta(find, task);
}

export function labelPill(category, plan) {
  const pill = document.createElement("span");
  pill.className = `label ${category}`;
  pill.textContent = plan.labels[category] ?? category;
  return pill;
}

export function avatar(userId, users) {
  const place = users.findIndex((each) => each.id === userId);
  const name = users[place]?.name ?? userId;
  const circle = document.createElement("span");
  circle.className = `avatar tone${Math.max(place, 0) % 6}`;
  circle.textContent = name.split(" ").map((word) => word[0]).slice(0, 2).join("").toUpperCase();
  circle.title = name;
  return circle;
}

export const byNumber = (one, other) => Number(one.slice(8)) - Number(other.slice(8));

function fillMeta(find, task) {
  const [, kind, word] = PRIORITIES.find(([most]) => task.priority <= most) ?? [];
  find("priority").textContent = word ?? "";
  if (kind) find("priority").classList.add(kind);
  find("due").textContent = task.dueDateTime ? shortDate(task.dueDateTime) : "";
  find("due").classList.toggle("late", isLate(task));
  const total = task.checklistItemCount;
  find("checks").textContent = total ? `${total - task.activeChecklistItemCount}/${total}` : "";
  find("links").textContent = task.referenceCount || "";
  find("note").textContent = task.hasDescription ? "≡" : "";
}

function shortDate(instant) {
  const options = { day: "numeric", month: "short", timeZone: "UTC" };
  return new Date(instant).toLocaleDateString("en-GB", options);
}

function isLate(task) {
  return Boolean(task.dueDateTime) && task.percentComplete < 100 && new Date(task.dueDateTime) < new Date();
}
