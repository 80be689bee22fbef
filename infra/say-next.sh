#!/bin/sh
# Run by azd after the resources are there: says what is left, which azd must not do by itself.
set -eu
cat <<TEXT

The resources are there. The service may not touch Planner yet: an administrator of the tenant must say so once.
As Privileged Role Administrator, signed in with az login (--with-people: documents may name people):

    infra/grant-graph.sh ${IDENTITY_PRINCIPAL_ID} --with-people

Then the code, so that its first token has the permissions (azd up does not wait and goes on with it now):

    azd deploy
    curl ${HEALTH_URL}

TEXT
