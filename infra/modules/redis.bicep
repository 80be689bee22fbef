// Azure Managed Redis: TLS only, sign-in by Entra token only, no eviction, no clustering.

@description('Azure region.')
param location string

@description('Tags of every resource.')
param tags object

@description('What makes the names unique.')
param token string

@description('Object id of the identity of the service.')
param principalId string

@description('Object ids of others that may use Redis, such as agents.')
param otherUsers string[]

@description('Size, without clustering at most 25 GB.')
param sku string

@description('A second node.')
param highAvailability bool

@description('aof, rdb or off.')
param persistence string

@description('No public address, a private endpoint instead.')
param isPrivate bool

@description('The subnet of the private endpoint; empty without.')
param endpointSubnetId string

@description('The private zone of Redis; empty without.')
param zoneId string

var persistences = {
  aof: { type: 'aof', frequency: '1s' }
  rdb: { type: 'rdb', frequency: '1h' }
  off: { type: 'disabled' }
}

var endpoints = [
  {
    subnetResourceId: endpointSubnetId
    privateDnsZoneGroup: {
      privateDnsZoneGroupConfigs: [{ privateDnsZoneResourceId: zoneId }]
    }
  }
]

module redis 'br/public:avm/res/cache/redis-enterprise:0.5.1' = {
  name: 'redis'
  params: {
    name: 'redis-planner-sync-${token}'
    location: location
    tags: tags
    enableTelemetry: false
    skuName: sku
    highAvailability: highAvailability ? 'Enabled' : 'Disabled'
    minimumTlsVersion: '1.2'
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    database: {
      accessKeysAuthentication: 'Disabled'
      clientProtocol: 'Encrypted'
      // A script takes an agent's document and the service's state at once. Their keys share no hash slot, unless the
      // namespace has a hash tag; the other two policies refuse such a script.
      clusteringPolicy: 'NoCluster'
      // The default here takes keys with a time to live first; ours have none, and agents' may not vanish either.
      evictionPolicy: 'NoEviction'
      persistence: persistences[persistence]
      accessPolicyAssignments: map(union([principalId], otherUsers), id => { name: replace(id, '-', ''), userObjectId: id })
    }
    privateEndpoints: isPrivate ? endpoints : []
  }
}

@description('Host and port.')
output endpoint string = redis.outputs.endpoint
