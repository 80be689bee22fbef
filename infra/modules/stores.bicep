// Storage for the Functions host (the timer's lease, function keys, the package on Flex) and a vault for what an
// operator adds. Both open by role alone: shared keys are off, access policies are off.

@description('Azure region.')
param location string

@description('Tags of every resource.')
param tags object

@description('What makes the names unique.')
param token string

@description('Object id of the identity that uses both.')
param principalId string

@description('No public address, private endpoints instead.')
param isPrivate bool

@description('The subnet of the private endpoints; empty without.')
param endpointSubnetId string

@description('The private zone of blob storage; empty without.')
param blobZoneId string

@description('The private zone of the vault; empty without.')
param vaultZoneId string

// Storage Blob Data Owner: the least that the Functions host works with, since it takes leases.
// https://learn.microsoft.com/azure/azure-functions/functions-reference#connecting-to-host-storage-with-an-identity
var blobDataOwner = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
// Key Vault Secrets User: may read secrets, may neither list keys nor change anything.
var secretsUser = '4633458b-17de-408a-b874-0445c86b69e6'
var packageContainer = 'app-package'

var storageEndpoints = [
  {
    service: 'blob'
    subnetResourceId: endpointSubnetId
    privateDnsZoneGroup: {
      privateDnsZoneGroupConfigs: [{ privateDnsZoneResourceId: blobZoneId }]
    }
  }
]

var vaultEndpoints = [
  {
    service: 'vault'
    subnetResourceId: endpointSubnetId
    privateDnsZoneGroup: {
      privateDnsZoneGroupConfigs: [{ privateDnsZoneResourceId: vaultZoneId }]
    }
  }
]

module storage 'br/public:avm/res/storage/storage-account:0.33.0' = {
  name: 'storage'
  params: {
    name: take('stplannersync${token}', 24)
    location: location
    tags: tags
    enableTelemetry: false
    skuName: 'Standard_LRS'
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    networkAcls: {
      defaultAction: isPrivate ? 'Deny' : 'Allow'
      bypass: 'None'
    }
    blobServices: {
      containers: [
        {
          name: packageContainer
          publicAccess: 'None'
        }
      ]
    }
    roleAssignments: [
      {
        principalId: principalId
        principalType: 'ServicePrincipal'
        roleDefinitionIdOrName: blobDataOwner
      }
    ]
    privateEndpoints: isPrivate ? storageEndpoints : []
  }
}

module vault 'br/public:avm/res/key-vault/vault:0.14.0' = {
  name: 'vault'
  params: {
    name: take('kv-plsync-${token}', 24)
    location: location
    tags: tags
    enableTelemetry: false
    sku: 'standard'
    enableRbacAuthorization: true
    enableSoftDelete: true
    enablePurgeProtection: true
    softDeleteRetentionInDays: 7
    enableVaultForDeployment: false
    enableVaultForTemplateDeployment: false
    enableVaultForDiskEncryption: false
    publicNetworkAccess: isPrivate ? 'Disabled' : 'Enabled'
    networkAcls: {
      defaultAction: isPrivate ? 'Deny' : 'Allow'
      bypass: 'None'
    }
    roleAssignments: [
      {
        principalId: principalId
        principalType: 'ServicePrincipal'
        roleDefinitionIdOrName: secretsUser
      }
    ]
    privateEndpoints: isPrivate ? vaultEndpoints : []
  }
}

@description('The storage account.')
output storageName string = storage.outputs.name

@description('The container that a Flex Consumption app is started from.')
output packageContainerUrl string = '${storage.outputs.primaryBlobEndpoint}${packageContainer}'

@description('The vault.')
output vaultName string = vault.outputs.name
