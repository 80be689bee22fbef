#!/bin/sh
# Run by azd before anything is made. One line for each mistake, exit code 1; the rules are those of settings.py.
set -eu
wrong=0
say() { echo "$1" >&2; wrong=1; }

ids=$(printf %s "${PLANNER_SYNC_PLAN_IDS:-}" | tr -d ' ')
if [ -z "$ids" ]; then
  say 'PLANNER_SYNC_PLAN_IDS is required: azd env set PLANNER_SYNC_PLAN_IDS <id of the plan, or several with commas>'
elif ! printf '%s\n' "$ids" | grep -Eqx '[A-Za-z0-9_-]{28}(,[A-Za-z0-9_-]{28})*'; then
  say 'PLANNER_SYNC_PLAN_IDS: a plan id has 28 of the characters A-Z a-z 0-9 _ -; separate several with commas'
fi

case "${HOSTING_PLAN:-dedicated}" in
  dedicated | flex | flex-drain) ;;
  *) say 'HOSTING_PLAN must be dedicated, flex or flex-drain' ;;
esac

case "${NETWORK:-public}:${APP_PUBLIC_ACCESS:-true}" in
  public:true | private:true | private:false) ;;
  public:false) say 'APP_PUBLIC_ACCESS=false needs NETWORK=private' ;;
  *) say 'NETWORK must be public or private, APP_PUBLIC_ACCESS true or false' ;;
esac

exit "$wrong"
