/**
 * As `REFERENCE` in service-authorization.ts, of services with few actions. A rule of the default bus and one
 * of another bus are one type here.
 */
export const SMALL_SERVICES = `acm:AddTagsToCertificate certificate*
acm:DeleteCertificate certificate*
acm:DescribeCertificate certificate*
acm:GetCertificate certificate*
acm:ImportCertificate certificate*
acm:ListCertificates
acm:ListTagsForCertificate certificate*
acm:RemoveTagsFromCertificate certificate*
acm:RequestCertificate
events:CancelReplay replay*
events:CreateApiDestination api-destination* connection*
events:CreateArchive archive* event-bus*
events:CreateConnection connection*
events:DeauthorizeConnection connection*
events:DeleteApiDestination api-destination*
events:DeleteArchive archive*
events:DeleteConnection connection*
events:DescribeApiDestination api-destination*
events:DescribeArchive archive*
events:DescribeConnection connection*
events:DescribeReplay replay*
events:ListApiDestinations
events:ListArchives
events:ListConnections
events:ListReplays
events:StartReplay archive* event-bus* replay*
events:UpdateApiDestination api-destination* connection
events:UpdateArchive archive*
events:UpdateConnection connection*
events:CreateEventBus event-bus
events:DeleteEventBus event-bus
events:PutPermission event-bus
events:RemovePermission event-bus
events:DeleteRule rule
events:DescribeEventBus event-bus
events:DescribeRule rule
events:DisableRule rule
events:EnableRule rule
events:ListEventBuses
events:ListRuleNamesByTarget
events:ListRules
events:ListTagsForResource event-bus rule
events:ListTargetsByRule rule
events:PutEvents event-bus
events:PutRule rule
events:PutTargets rule
events:RemoveTargets rule
events:TagResource event-bus rule
events:TestEventPattern
events:UntagResource event-bus rule
events:UpdateEventBus event-bus
scheduler:CreateSchedule schedule*
scheduler:CreateScheduleGroup schedule-group*
scheduler:DeleteSchedule schedule*
scheduler:DeleteScheduleGroup schedule-group*
scheduler:GetSchedule schedule*
scheduler:GetScheduleGroup schedule-group*
scheduler:ListScheduleGroups
scheduler:ListSchedules
scheduler:ListTagsForResource schedule-group
scheduler:TagResource schedule-group
scheduler:UntagResource schedule-group
scheduler:UpdateSchedule schedule*
servicediscovery:CreateHttpNamespace
servicediscovery:CreatePrivateDnsNamespace
servicediscovery:CreatePublicDnsNamespace
servicediscovery:CreateService namespace* service*
servicediscovery:DeleteNamespace namespace*
servicediscovery:DeleteService service*
servicediscovery:DeleteServiceAttributes service*
servicediscovery:DeregisterInstance service*
servicediscovery:DiscoverInstances namespace* service*
servicediscovery:DiscoverInstancesRevision namespace* service*
servicediscovery:GetInstance service*
servicediscovery:GetInstancesHealthStatus service*
servicediscovery:GetNamespace namespace*
servicediscovery:GetOperation namespace* service
servicediscovery:GetService service*
servicediscovery:GetServiceAttributes service*
servicediscovery:ListInstances service*
servicediscovery:ListNamespaces
servicediscovery:ListOperations
servicediscovery:ListServices
servicediscovery:ListTagsForResource
servicediscovery:RegisterInstance service*
servicediscovery:TagResource
servicediscovery:UntagResource
servicediscovery:UpdateHttpNamespace namespace*
servicediscovery:UpdateInstanceCustomHealthStatus service*
servicediscovery:UpdatePrivateDnsNamespace namespace*
servicediscovery:UpdatePublicDnsNamespace namespace*
servicediscovery:UpdateService service*
servicediscovery:UpdateServiceAttributes service*
servicequotas:GetAWSDefaultServiceQuota
servicequotas:GetServiceQuota
servicequotas:ListAWSDefaultServiceQuotas
servicequotas:ListServiceQuotas
servicequotas:ListServices
tag:GetResources
tag:GetTagKeys
tag:GetTagValues
tag:TagResources
tag:UntagResources`;
