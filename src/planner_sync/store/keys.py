"""Every key and channel that the service uses, built in one place and nowhere else.

    {ns}:tasks:{id}                      string  the document, written by agents and by the service
    {ns}:tasks:updates                   channel "this task changed", from agents and from the service
    {ns}:tasks:sync                      channel confirmations
    {ns}:task:mapping:{id}               string  task id -> planner id, public
    {ns}:task:mapping:planner:{pid}      string  planner id -> task id, public

    {ns}:sync:pending                    zset    task id -> time from which it is due (ms)
    {ns}:sync:marks                      hash    task id -> nonce of the last mark: "something happened since";
                                                 "saved {id}" -> nonces of agents' last saves
    {ns}:sync:claims                     hash    task id -> "token" of its claim while held, "token done" afterwards
    {ns}:sync:attempts                   hash    task id -> claims without a settle
    {ns}:sync:said                       hash    task id -> "deleted" or "created", as the last message said
    {ns}:sync:look                       hash    task id -> "read": the next look reads the card;
                                                 "missing": two passes found no document;
                                                 "restore": an operator wants back what is missing
    {ns}:sync:token                      string  the last token given
    {ns}:sync:batches                    hash    worker -> its last claim, so that a claim repeated gives the same
    {ns}:sync:pause                      string  time until which nobody calls Graph (ms)
    {ns}:sync:task:{id}                  hash    what we believe of one task: "state", "notes", "last"
    {ns}:sync:owners                     hash    planner id -> task id; decides over the public mapping
    {ns}:sync:cards:{plan}               hash    planner id -> "task etag<space>details etag"
    {ns}:sync:creating:{plan}            hash    task id -> time of its open create note (ms)
    {ns}:sync:young:{plan}               hash    planner id -> passes that have seen it unmapped
    {ns}:sync:orphans:{plan}             hash    planner id -> task id for which it was made, and what was posted
    {ns}:sync:tombstones                 zset    planner id -> time of its delete (ms)
    {ns}:sync:graves                     hash    task id -> planner id, title and time of the card that was deleted
    {ns}:sync:trash                      zset    trash entry -> time (ms)
    {ns}:sync:trash:entries              hash    trash entry -> document and card as they were
    {ns}:sync:deletes:{plan}             zset    task id -> time of a delete, carried out or about to be (ms)
    {ns}:sync:holds                      hash    plan -> why it is held
    {ns}:sync:releases                   hash    plan -> time until which an operator lets its deletes through (ms)
    {ns}:sync:epochs                     hash    plan -> "run id<space>beat"
    {ns}:sync:leases                     hash    plan, "sweep" or "names {plan}" -> "owner until begun" (ms)
    {ns}:sync:hashes                     hash    task id -> hash of the document last looked at
    {ns}:sync:missing                    hash    task id -> time since which its document is missing (ms)
    {ns}:sync:refusals                   hash    task id -> refusal
    {ns}:sync:people                     hash    e-mail -> user id
    {ns}:sync:names:{plan}               string  buckets and labels of the plan
    {ns}:sync:namings                    hash    plan -> hash of its names as they were read last
    {ns}:sync:makers:{plan}              hash    "bucket {name}" or "label {name}" -> time at which it was sent (ms)
    {ns}:sync:application                string  the application id that Planner gives our cards
    {ns}:sync:beats                      hash    part -> sign of life
    {ns}:sync:counters                   hash    name -> count
    {ns}:sync:lags:{direction}           list    the last 1,000 delays (ms)
    {ns}:sync:canary:{instance}          channel what the listener says to itself

All keys share the namespace's hash tag, if it has one, and so live in one slot of a Redis Cluster.
"""

from dataclasses import dataclass


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


def escape_pattern(text: str) -> str:
    """Escape what Redis would take for a pattern."""
    return "".join(f"\\{char}" if char in "*?[]\\" else char for char in text)
