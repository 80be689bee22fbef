// The virtual network of the switch `network: private`: one subnet for the Function App, one for private endpoints,
// and the private zones in which the names of Redis, storage, vault and app are found.

@description('Azure region.')
param location string

@description('Tags of every resource.')
param tags object

@description('What makes the names unique.')
param token string

@description('The service that the subnet of the Function App belongs to: Microsoft.Web/serverFarms for a dedicated plan, Microsoft.App/environments for Flex Consumption.')
param appDelegation string

module vnet 'br/public:avm/res/network/virtual-network:0.10.1' = {
  name: 'vnet'
  params: {
    name: 'vnet-planner-sync-${token}'
    location: location
    tags: tags
    enableTelemetry: false
    addressPrefixes: ['10.40.0.0/16']
    subnets: [
      {
        name: 'app'
        addressPrefix: '10.40.0.0/24'
        delegation: appDelegation
      }
      {
        name: 'endpoints'
        addressPrefix: '10.40.1.0/24'
        privateEndpointNetworkPolicies: 'Disabled'
      }
    ]
  }
}

module redisZone 'br/public:avm/res/network/private-dns-zone:0.8.1' = {
  name: 'zone-redis'
  params: {
    name: 'privatelink.redis.azure.net'
    tags: tags
    enableTelemetry: false
    virtualNetworkLinks: [{ virtualNetworkResourceId: vnet.outputs.resourceId }]
  }
}

module blobZone 'br/public:avm/res/network/private-dns-zone:0.8.1' = {
  name: 'zone-blob'
  params: {
    name: 'privatelink.blob.${environment().suffixes.storage}'
    tags: tags
    enableTelemetry: false
    virtualNetworkLinks: [{ virtualNetworkResourceId: vnet.outputs.resourceId }]
  }
}

module vaultZone 'br/public:avm/res/network/private-dns-zone:0.8.1' = {
  name: 'zone-vault'
  params: {
    name: 'privatelink.vaultcore.azure.net'
    tags: tags
    enableTelemetry: false
    virtualNetworkLinks: [{ virtualNetworkResourceId: vnet.outputs.resourceId }]
  }
}

module appZone 'br/public:avm/res/network/private-dns-zone:0.8.1' = {
  name: 'zone-app'
  params: {
    name: 'privatelink.azurewebsites.net'
    tags: tags
    enableTelemetry: false
    virtualNetworkLinks: [{ virtualNetworkResourceId: vnet.outputs.resourceId }]
  }
}

@description('The subnet through which the Function App goes out.')
output appSubnetId string = vnet.outputs.subnetResourceIds[0]

@description('The subnet of the private endpoints.')
output endpointSubnetId string = vnet.outputs.subnetResourceIds[1]

@description('The private zone of Redis.')
output redisZoneId string = redisZone.outputs.resourceId

@description('The private zone of blob storage.')
output blobZoneId string = blobZone.outputs.resourceId

@description('The private zone of the vault.')
output vaultZoneId string = vaultZone.outputs.resourceId

@description('The private zone of the Function App.')
output appZoneId string = appZone.outputs.resourceId
