// Everything that Planner Sync needs on Azure, in one resource group. No key, no password and no connection string
// is made, read or passed on: every door opens to the identity of the Function App alone, by role.
targetScope = 'subscription'

@minLength(1)
@maxLength(40)
@description('Name of the azd environment. The names of all resources follow from it, the subscription and the location.')
param environmentName string

@minLength(1)
@description('Azure region of all resources. It must offer the chosen plan and Azure Managed Redis.')
@metadata({
  azd: {
    type: 'location'
  }
})
param location string

@description('How the Function App is hosted. dedicated: B1 with Always On, the listener lives. flex: Flex Consumption with always-ready instances, the listener lives with gaps. flex-drain: Flex Consumption without a listener, changes of agents wait for the next tick.')
@allowed([
  'dedicated'
  'flex'
  'flex-drain'
])
param hostingPlan string = 'dedicated'

@description('public: Redis, storage and vault have public addresses and let nobody in but by role. private: they have private endpoints in a virtual network of their own and no public address.')
@allowed([
  'public'
  'private'
])
param network string = 'public'

@description('false gives the HTTP routes and the deployment of the Function App a private endpoint and no public address; it needs network private, and azd must then run inside that network.')
param appPublicAccess bool = true

@minLength(28)
@description('PLANNER_SYNC_PLAN_IDS: the Planner plans to sync, separated by commas. Nothing outside the list is read or written.')
param plannerPlanIds string

@description('PLANNER_SYNC_DEFAULT_PLAN_ID: where a task without planId goes. Empty: the first of the list.')
param plannerDefaultPlanId string = ''

@minLength(1)
@maxLength(64)
@description('PLANNER_SYNC_NAMESPACE: first part of every key and channel in Redis.')
param redisNamespace string = 'annika'

@description('PLANNER_SYNC_POLL_SCHEDULE: when the timer ticks, six fields, second first. Empty: every 30 seconds.')
param pollSchedule string = ''

@description('PLANNER_SYNC_CONFLICT_WINNER: whose value stays when people and agents changed one field.')
@allowed([
  'planner'
  'agents'
])
param conflictWinner string = 'planner'

@description('PLANNER_SYNC_GRAPH_URL: Microsoft Graph of a national cloud. Empty: the one of the public cloud.')
param graphUrl string = ''

@description('Python of the Function App. All of the list pass the tests.')
@allowed([
  '3.11'
  '3.12'
  '3.13'
])
param pythonVersion string = '3.12'

@minValue(1)
@maxValue(10)
@description('Plan flex only: instances that are kept ready for the timer, with the listener in them. Each is paid for all day; with two, the listener lives on while one is replaced.')
param alwaysReadyInstances int = 1

@minValue(40)
@maxValue(1000)
@description('Plans flex and flex-drain only: the upper end of scaling. 40 is the lowest value that every region has taken.')
param maximumInstances int = 40

@description('Plans flex and flex-drain only: memory of an instance in MB; it is a factor of the price.')
@allowed([
  512
  2048
  4096
])
param instanceMemory int = 2048

@description('Size of Azure Managed Redis. Without clustering it must not exceed 25 GB.')
@allowed([
  'Balanced_B0'
  'Balanced_B1'
  'Balanced_B3'
  'Balanced_B5'
  'Balanced_B10'
  'Balanced_B20'
])
param redisSku string = 'Balanced_B0'

@description('A second node for Redis. false is cheaper and may lose the last second, or all where nothing is persisted.')
param redisHighAvailability bool = true

@description('What Redis writes to disk. aof: every second. rdb: every hour. off: nothing.')
@allowed([
  'aof'
  'rdb'
  'off'
])
param redisPersistence string = 'aof'

@description('Object ids, separated by commas, of the identities and people besides the service that may use Redis: your agents. Azure Managed Redis knows one policy only: all data.')
param redisUserObjectIds string = ''

@description('Days for which logs are kept.')
@allowed([
  30
  60
  90
  180
  365
  730
])
param logRetentionDays int = 30

@description('Gigabytes of logs a day after which no more are taken in, as a cap on costs.')
param logDailyGigabytes string = '1'

var token = toLower(uniqueString(subscription().id, environmentName, location))
var tags = { 'azd-env-name': environmentName }
var isPrivate = network == 'private'
var redisUsers = filter(map(split(redisUserObjectIds, ','), id => trim(id)), id => !empty(id))

resource rg 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: 'rg-${environmentName}'
  location: location
  tags: tags
}

module identity 'br/public:avm/res/managed-identity/user-assigned-identity:0.6.0' = {
  name: 'identity'
  scope: rg
  params: {
    name: 'id-planner-sync-${token}'
    location: location
    tags: tags
    enableTelemetry: false
  }
}

module networking 'modules/network.bicep' = if (isPrivate) {
  name: 'network'
  scope: rg
  params: {
    location: location
    tags: tags
    token: token
    appDelegation: hostingPlan == 'dedicated' ? 'Microsoft.Web/serverFarms' : 'Microsoft.App/environments'
  }
}

module monitoring 'modules/monitoring.bicep' = {
  name: 'monitoring'
  scope: rg
  params: {
    location: location
    tags: tags
    token: token
    principalId: identity.outputs.principalId
    retentionDays: logRetentionDays
    dailyGigabytes: logDailyGigabytes
  }
}

module stores 'modules/stores.bicep' = {
  name: 'stores'
  scope: rg
  params: {
    location: location
    tags: tags
    token: token
    principalId: identity.outputs.principalId
    isPrivate: isPrivate
    endpointSubnetId: isPrivate ? networking.outputs.endpointSubnetId : ''
    blobZoneId: isPrivate ? networking.outputs.blobZoneId : ''
    vaultZoneId: isPrivate ? networking.outputs.vaultZoneId : ''
  }
}

module redis 'modules/redis.bicep' = {
  name: 'redis'
  scope: rg
  params: {
    location: location
    tags: tags
    token: token
    principalId: identity.outputs.principalId
    otherUsers: redisUsers
    sku: redisSku
    highAvailability: redisHighAvailability
    persistence: redisPersistence
    isPrivate: isPrivate
    endpointSubnetId: isPrivate ? networking.outputs.endpointSubnetId : ''
    zoneId: isPrivate ? networking.outputs.redisZoneId : ''
  }
}

module app 'modules/app.bicep' = {
  name: 'app'
  scope: rg
  params: {
    location: location
    tags: tags
    token: token
    hostingPlan: hostingPlan
    pythonVersion: pythonVersion
    alwaysReadyInstances: alwaysReadyInstances
    maximumInstances: maximumInstances
    instanceMemory: instanceMemory
    identityId: identity.outputs.resourceId
    identityClientId: identity.outputs.clientId
    storageName: stores.outputs.storageName
    packageContainerUrl: stores.outputs.packageContainerUrl
    insightsConnectionString: monitoring.outputs.connectionString
    publicAccess: appPublicAccess || !isPrivate
    appSubnetId: isPrivate ? networking.outputs.appSubnetId : ''
    endpointSubnetId: isPrivate ? networking.outputs.endpointSubnetId : ''
    zoneId: isPrivate ? networking.outputs.appZoneId : ''
    plannerSettings: union(
      {
        REDIS_URL: 'rediss://${redis.outputs.endpoint}'
        PLANNER_SYNC_REDIS_AUTH: 'entra'
        PLANNER_SYNC_PLAN_IDS: plannerPlanIds
        PLANNER_SYNC_NAMESPACE: redisNamespace
        PLANNER_SYNC_CONFLICT_WINNER: conflictWinner
        PLANNER_SYNC_LISTENER: hostingPlan == 'flex-drain' ? 'off' : 'on'
        AZURE_CLIENT_ID: identity.outputs.clientId
        AZURE_AUTHORITY_HOST: environment().authentication.loginEndpoint
      },
      empty(plannerDefaultPlanId) ? {} : { PLANNER_SYNC_DEFAULT_PLAN_ID: plannerDefaultPlanId },
      empty(pollSchedule) ? {} : { PLANNER_SYNC_POLL_SCHEDULE: pollSchedule },
      empty(graphUrl) ? {} : { PLANNER_SYNC_GRAPH_URL: graphUrl }
    )
  }
}

@description('The resource group with everything in it.')
output AZURE_RESOURCE_GROUP string = rg.name

@description('The Function App.')
output FUNCTION_APP_NAME string = app.outputs.name

@description('Where anybody may ask how it is.')
output HEALTH_URL string = 'https://${app.outputs.hostName}/api/health'

@description('Object id of the service: whom infra/grant-graph.sh gives the Graph permissions to.')
output IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId

@description('Host and port of Redis, with TLS.')
output REDIS_ENDPOINT string = redis.outputs.endpoint

@description('The vault for what an operator adds, such as a certificate; the service may read it.')
output KEY_VAULT_NAME string = stores.outputs.vaultName

@description('The chosen plan.')
output HOSTING_PLAN string = hostingPlan
