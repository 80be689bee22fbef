"""Every key and channel that the service uses, built in one place and nowhere else.

Public:

    {ns}:tasks:{id}                 string   the document; agents and the service write it
    {ns}:tasks:updates              channel  "this task changed", from agents and from the service
    {ns}:tasks:sync                 channel  confirmations
    {ns}:task:mapping:{id}          string   task id -> planner id
    {ns}:task:mapping:planner:{pid} string   planner id -> task id

Private, all below {ns}:sync: (times are the server's, in ms):

    pending                  zset     task id -> time from which it is due
    generations              hash     task id -> mark of its last change;
                                      "saved {id}" -> marks of the last saves by agents
    task_leases              hash     task id -> token while a worker has it, then "token done ..."
    attempts                 hash     task id -> leases without a settle
    announced                hash     task id -> "deleted" or "created", from the last message
    reason                   hash     task id -> "recheck": read the card next time;
                                      "confirmed_missing": two sweeps found no document;
                                      "restore": an operator wants back what is missing
    token                    string   the last token given
    batches                  hash     worker -> answer to its last request for leases, for a repeat
    pause                    string   time until which Graph must not be called
    task:{id}                hash     "state", "last" (document as settled), "intent {nonce}"
    owners                   hash     planner id -> task id; decides over the public mapping
    cards:{plan}             hash     planner id -> "task etag<space>details etag"
    creating:{plan}          hash     task id -> time of its open create intent
    unmapped_passes:{plan}   hash     planner id -> passes that have seen the card without a task
    orphans:{plan}           hash     planner id -> task it was made for, and what was posted
    tombstones               zset     planner id -> time of its delete
    deleted_cards            hash     task id -> the card that was deleted
    trash                    zset     trash entry -> time
    trash:entries            hash     trash entry -> document and card as they were
    deletes:{plan}           zset     task id -> time of a delete, done or about to be done
    holds                    hash     plan -> why its deletes are held
    releases                 hash     plan -> time until which an operator lets deletes through
    epochs                   hash     plan -> "run id<space>number of passes"
    leases                   hash     plan, "sweep" or "names {plan}" -> "owner until begun"
    hashes                   hash     task id -> hash of the document last reconciled
    missing                  hash     task id -> time since which its document is missing
    refusals                 hash     task id -> refusal
    people                   hash     e-mail -> user id
    names:{plan}             string   buckets and labels of the plan
    names_digests            hash     plan -> hash of its names as last read
    name_intents:{plan}      hash     "bucket {name}" or "label {name}" -> time it was sent
    application              string   the application id that Planner gives our cards
    heartbeats               hash     part -> heartbeat
    counters                 hash     name -> count
    lags:{direction}         list     the last 1,000 delays
    canary:{instance}        channel  messages of the listener to itself

All keys share the namespace's hash tag, if it has one, and so live in one slot of a Redis Cluster.
"""

from dataclasses import dataclass

# The private keys that scripts name as they are called here.
OF_NAMESPACE = frozenset(
    (
        *("pending", "generations", "task_leases", "attempts", "announced"),
        *("reason", "token", "batches", "pause", "owners"),
        *("tombstones", "deleted_cards", "trash", "holds", "epochs"),
        *("leases", "hashes", "missing", "refusals", "heartbeats"),
        *(
            "counters",
            "application",
        ),
    )
)
OF_PLAN = frozenset(("cards", "creating", "orphans", "deletes", "unmapped_passes", "names"))


@dataclass(frozen=True)
class Keys:
    """Key and channel names of one namespace, such as `annika` or `{annika}`."""

    namespace: str

    # -- public ------------------------------------------------------------------------------------
    def document(self, task_id: str) -> str:
        return f"{self.namespace}:tasks:{task_id}"

    def task_id(self, document_key: str) -> str:
        return document_key.removeprefix(f"{self.namespace}:tasks:")

    @property
    def updates(self) -> str:
        return f"{self.namespace}:tasks:updates"

    @property
    def sync(self) -> str:
        return f"{self.namespace}:tasks:sync"

    def planner_id(self, task_id: str) -> str:
        return f"{self.namespace}:task:mapping:{task_id}"

    def redis_id(self, planner_id: str) -> str:
        return f"{self.namespace}:task:mapping:planner:{planner_id}"

    # -- private -----------------------------------------------------------------------------------
    def private(self, *parts: str) -> str:
        return ":".join((self.namespace, "sync", *parts))

    def task(self, task_id: str) -> str:
        return self.private("task", task_id)

    def canary(self, instance: str) -> str:
        return self.private("canary", instance)

    # -- by name -----------------------------------------------------------------------------------
    def __getitem__(self, name: str) -> str:
        """The key that scripts know by this name. Raises KeyError for one that is about a task, a
        card or a plan: `about` has those."""
        match name:
            case "trash_entries":
                return self.private("trash", "entries")
            case "upload_lags" | "download_lags":
                return self.private("lags", name.removesuffix("_lags"))
        if name not in OF_NAMESPACE:
            raise KeyError(name)
        return self.private(name)

    def about(
        self, task_id: str = "", *, planner_id: str = "", plan_id: str = "", old_plan_id: str = ""
    ) -> "KeysAbout":
        """The keys by name, with those of this task, card and plan. `old_plan_id` is where the card
        was before."""
        return KeysAbout(self, task_id, planner_id, plan_id, old_plan_id or plan_id)


@dataclass(frozen=True)
class KeysAbout:
    """The keys of a namespace by the names that scripts give them, for one task, card and plan."""

    keys: Keys
    task_id: str
    planner_id: str
    plan_id: str
    old_plan_id: str

    def __getitem__(self, name: str) -> str:
        """The key of this name. Raises KeyError for one that needs what was not given."""
        keys = self.keys
        match name:
            case "document" if self.task_id:
                return keys.document(self.task_id)
            case "task" if self.task_id:
                return keys.task(self.task_id)
            case "planner_id" if self.task_id:
                return keys.planner_id(self.task_id)
            case "redis_id":
                return keys.redis_id(self.planner_id or "none")
            case "old_cards" if self.old_plan_id:
                return keys.private("cards", self.old_plan_id)
        if name in OF_PLAN and self.plan_id:
            return keys.private(name, self.plan_id)
        return keys[name]


def escape_pattern(text: str) -> str:
    """Escape what Redis would take for a pattern."""
    return "".join(f"\\{char}" if char in "*?[]\\" else char for char in text)
