#!/bin/sh
# Run by azd after the resources are there: says what is left, which azd must not do by itself.
set -eu
cat <<TEXT

The resources are there. The service may not touch Planner yet: an administrator of the tenant must say so once.
As Privileged Role Administrator, signed in with az login:

    infra/grant-graph.sh ${IDENTITY_PRINCIPAL_ID}

Then, when the code is deployed too (azd up goes on with it, or azd deploy):

    curl ${HEALTH_URL}

TEXT
