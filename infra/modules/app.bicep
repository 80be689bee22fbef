// The Function App on one of three plans. Its settings are these and no others: what is set by hand is gone with the
// next deployment of the template.

@description('Azure region.')
param location string

@description('Tags of every resource.')
param tags object

@description('What makes the names unique.')
param token string

@description('dedicated, flex or flex-drain.')
@allowed([
  'dedicated'
  'flex'
  'flex-drain'
])
param hostingPlan string

@description('Python, such as 3.12.')
param pythonVersion string

@description('Plan flex only: instances kept ready for the timer.')
param alwaysReadyInstances int

@description('Flex Consumption only: the upper end of scaling.')
param maximumInstances int

@description('Flex Consumption only: MB of an instance.')
param instanceMemory int

@description('Resource id of the identity.')
param identityId string

@description('Client id of the identity.')
param identityClientId string

@description('The storage account of the Functions host.')
param storageName string

@description('Flex Consumption only: the container of the package.')
param packageContainerUrl string

@description('Where telemetry is sent.')
param insightsConnectionString string

@description('The routes have a public address.')
param publicAccess bool

@description('The subnet through which the app goes out; empty without.')
param appSubnetId string

@description('The subnet of the private endpoint; empty without.')
param endpointSubnetId string

@description('The private zone of the app; empty without.')
param zoneId string

@description('The settings of the README, by name.')
param plannerSettings object

var isFlex = hostingPlan != 'dedicated'

// https://learn.microsoft.com/azure/azure-functions/functions-reference#common-properties-for-identity-based-connections
var hostSettings = {
  AzureWebJobsStorage__accountName: storageName
  AzureWebJobsStorage__credential: 'managedidentity'
  AzureWebJobsStorage__clientId: identityClientId
  APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
  APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
  // MOST_BODY_BYTES of web/routes.py; the host itself would take 100 MB.
  // https://learn.microsoft.com/azure/azure-functions/functions-app-settings#functions_request_body_size_limit
  FUNCTIONS_REQUEST_BODY_SIZE_LIMIT: '1048576'
}

// Flex Consumption refuses these: there they are part of functionAppConfig.
var dedicatedSettings = {
  FUNCTIONS_EXTENSION_VERSION: '~4'
  FUNCTIONS_WORKER_RUNTIME: 'python'
  SCM_DO_BUILD_DURING_DEPLOYMENT: 'true'
  ENABLE_ORYX_BUILD: 'true'
}

var siteSettings = {
  alwaysOn: !isFlex
  minTlsVersion: '1.2'
  scmMinTlsVersion: '1.2'
  ftpsState: 'Disabled'
  http20Enabled: true
  remoteDebuggingEnabled: false
}

var flexConfig = {
  deployment: {
    storage: {
      type: 'blobContainer'
      value: packageContainerUrl
      authentication: {
        type: 'UserAssignedIdentity'
        userAssignedIdentityResourceId: identityId
      }
    }
  }
  runtime: {
    name: 'python'
    version: pythonVersion
  }
  scaleAndConcurrency: {
    maximumInstanceCount: maximumInstances
    instanceMemoryMB: instanceMemory
    // Timers scale apart from HTTP, each on instances of its own; the listener lives beside this one.
    alwaysReady: hostingPlan == 'flex' ? [{ name: 'function:poll', instanceCount: alwaysReadyInstances }] : []
  }
}

var endpoints = [
  {
    service: 'sites'
    subnetResourceId: endpointSubnetId
    privateDnsZoneGroup: {
      privateDnsZoneGroupConfigs: [{ privateDnsZoneResourceId: zoneId }]
    }
  }
]

module plan 'br/public:avm/res/web/serverfarm:0.7.0' = {
  name: 'plan'
  params: {
    name: 'plan-planner-sync-${token}'
    location: location
    tags: tags
    enableTelemetry: false
    kind: isFlex ? 'functionapp' : 'linux'
    reserved: true
    skuName: isFlex ? 'FC1' : 'B1'
    skuCapacity: 1
    zoneRedundant: false
  }
}

module site 'br/public:avm/res/web/site:0.24.0' = {
  name: 'site'
  params: {
    name: 'func-planner-sync-${token}'
    location: location
    tags: union(tags, { 'azd-service-name': 'app' })
    enableTelemetry: false
    kind: 'functionapp,linux'
    serverFarmResourceId: plan.outputs.resourceId
    managedIdentities: {
      userAssignedResourceIds: [identityId]
    }
    keyVaultAccessIdentityResourceId: identityId
    httpsOnly: true
    clientAffinityEnabled: false
    publicNetworkAccess: publicAccess ? 'Enabled' : 'Disabled'
    virtualNetworkSubnetResourceId: empty(appSubnetId) ? null : appSubnetId
    basicPublishingCredentialsPolicies: [
      { name: 'ftp', allow: false }
      { name: 'scm', allow: false }
    ]
    siteConfig: isFlex ? siteSettings : union(siteSettings, { linuxFxVersion: 'Python|${pythonVersion}' })
    functionAppConfig: isFlex ? flexConfig : null
    configs: [
      {
        name: 'appsettings'
        retainCurrentAppSettings: false
        properties: union(hostSettings, isFlex ? {} : dedicatedSettings, plannerSettings)
      }
    ]
    privateEndpoints: publicAccess ? [] : endpoints
  }
}

@description('The Function App.')
output name string = site.outputs.name

@description('Its host name.')
output hostName string = site.outputs.defaultHostname
