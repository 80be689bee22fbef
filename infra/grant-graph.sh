#!/bin/sh
# Gives the service's managed identity its permissions at Microsoft Graph, or takes them away. Safe to repeat.
#
#   infra/grant-graph.sh PRINCIPAL_ID                 Tasks.ReadWrite.All: read and write tasks of the plans
#   infra/grant-graph.sh PRINCIPAL_ID --with-people   and User.ReadBasic.All: find people by e-mail address
#   infra/grant-graph.sh PRINCIPAL_ID --revoke        takes both away
#
# PRINCIPAL_ID: azd env get-value IDENTITY_PRINCIPAL_ID. Needs az, signed in as somebody who may consent for the tenant
# (Privileged Role Administrator or Global Administrator). A template cannot do this: it is the tenant's decision, not
# the subscription's. Application permissions reach every plan of the tenant; the service itself keeps to
# PLANNER_SYNC_PLAN_IDS.
set -eu

usage() { sed -n '4,6s/^#   //p' "$0" >&2; exit 2; }

principal=${1:-}
printf '%s\n' "$principal" | grep -Eqx '[0-9a-fA-F-]{36}' || usage
case "${2:-}" in
  '') wanted='Tasks.ReadWrite.All' ;;
  --with-people) wanted='Tasks.ReadWrite.All User.ReadBasic.All' ;;
  --revoke) wanted='' ;;
  *) usage ;;
esac

graph=$(az cloud show --query endpoints.microsoftGraphResourceId --output tsv)
graph=${graph%/}
# The application id of Microsoft Graph is the same in every tenant and cloud; its object id and roles are looked up.
service="$graph/v1.0/servicePrincipals(appId='00000003-0000-0000-c000-000000000000')"
resource=$(az rest --method get --url "$service" --query id --output tsv)
mine="$graph/v1.0/servicePrincipals/$principal/appRoleAssignments"

role_of() { # role_of NAME: the id of that application permission
  az rest --method get --url "$service" --output tsv \
    --query "appRoles[?value=='$1' && contains(allowedMemberTypes, 'Application')].id | [0]"
}

assignment_of() { # assignment_of ROLE: the id of the assignment, nothing where there is none
  az rest --method get --url "$mine" --output tsv \
    --query "value[?appRoleId=='$1' && resourceId=='$resource'].id | [0]"
}

for name in $wanted; do
  role=$(role_of "$name")
  [ -n "$role" ] || { echo "Microsoft Graph has no application permission $name" >&2; exit 1; }
  if [ -n "$(assignment_of "$role")" ]; then
    echo "$name: was granted already"
    continue
  fi
  az rest --method post --url "$graph/v1.0/servicePrincipals/$resource/appRoleAssignedTo" --output none \
    --body "{\"principalId\":\"$principal\",\"resourceId\":\"$resource\",\"appRoleId\":\"$role\"}"
  echo "$name: granted"
done

if [ -z "$wanted" ]; then
  for name in Tasks.ReadWrite.All User.ReadBasic.All; do
    assignment=$(assignment_of "$(role_of "$name")")
    [ -n "$assignment" ] || { echo "$name: was not granted"; continue; }
    az rest --method delete --url "$graph/v1.0/servicePrincipals/$resource/appRoleAssignedTo/$assignment" --output none
    echo "$name: taken away"
  done
else
  echo "A token that the service was given before knows nothing of this. Azure keeps one for about 24 hours, and a"
  echo "restart does not change that; where the code was not there yet, there is none."
fi
