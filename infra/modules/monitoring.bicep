// Logs and metrics: Application Insights on a Log Analytics workspace. Neither takes anything in by key.

@description('Azure region.')
param location string

@description('Tags of every resource.')
param tags object

@description('What makes the names unique.')
param token string

@description('Object id of the identity that writes telemetry.')
param principalId string

@description('Days for which logs are kept.')
param retentionDays int

@description('Gigabytes a day after which no more are taken in.')
param dailyGigabytes string

// Monitoring Metrics Publisher: may send telemetry, may read none.
var metricsPublisher = '3913510d-42f4-4e42-8a64-420c390055eb'

module workspace 'br/public:avm/res/operational-insights/workspace:0.16.1' = {
  name: 'workspace'
  params: {
    name: 'log-planner-sync-${token}'
    location: location
    tags: tags
    enableTelemetry: false
    dataRetention: retentionDays
    dailyQuotaGb: dailyGigabytes
    features: {
      disableLocalAuth: true
    }
  }
}

module insights 'br/public:avm/res/insights/component:0.8.0' = {
  name: 'insights'
  params: {
    name: 'appi-planner-sync-${token}'
    location: location
    tags: tags
    enableTelemetry: false
    workspaceResourceId: workspace.outputs.resourceId
    retentionInDays: retentionDays
    disableLocalAuth: true
    disableIpMasking: false
    roleAssignments: [
      {
        principalId: principalId
        principalType: 'ServicePrincipal'
        roleDefinitionIdOrName: metricsPublisher
      }
    ]
  }
}

// An address, no key: with local authentication disabled the instrumentation key in it opens nothing.
@description('Where telemetry is sent.')
output connectionString string = insights.outputs.connectionString
