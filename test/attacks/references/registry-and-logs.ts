/** As `REFERENCE` in service-authorization.ts: actions on registries' settings, and on what belongs to log groups. */
export const REGISTRY_AND_LOGS = `ecr:CreatePullThroughCacheRule
ecr:CreateRepositoryCreationTemplate
ecr:DeletePullThroughCacheRule
ecr:DeleteRegistryPolicy
ecr:DeleteRepositoryCreationTemplate
ecr:DescribeImageReplicationStatus repository*
ecr:DescribeImageScanFindings repository*
ecr:DescribePullThroughCacheRules
ecr:DescribeRepositoryCreationTemplates
ecr:GetAccountSetting
ecr:GetRegistryPolicy
ecr:PutAccountSetting
ecr:PutRegistryPolicy
ecr:PutRegistryScanningConfiguration
ecr:StartImageScan repository*
ecr:UpdatePullThroughCacheRule
ecr:UpdateRepositoryCreationTemplate
ecr:ValidatePullThroughCacheRule
logs:AssociateKmsKey log-group*
logs:CancelExportTask
logs:CreateExportTask log-group*
logs:DeleteAccountPolicy
logs:DeleteDestination destination*
logs:DeleteIndexPolicy log-group*
logs:DeleteMetricFilter log-group*
logs:DeleteQueryDefinition
logs:DeleteResourcePolicy
logs:DeleteSubscriptionFilter log-group*
logs:DescribeAccountPolicies
logs:DescribeDestinations
logs:DescribeExportTasks
logs:DescribeIndexPolicies log-group*
logs:DescribeMetricFilters log-group*
logs:DescribeQueries
logs:DescribeQueryDefinitions
logs:DescribeResourcePolicies
logs:DescribeSubscriptionFilters log-group*
logs:DisassociateKmsKey log-group*
logs:GetLogGroupFields log-group*
logs:GetLogRecord
logs:GetQueryResults
logs:ListLogGroups
logs:PutAccountPolicy
logs:PutDestination destination*
logs:PutDestinationPolicy destination*
logs:PutIndexPolicy log-group*
logs:PutLogGroupDeletionProtection log-group*
logs:PutMetricFilter log-group*
logs:PutQueryDefinition
logs:PutResourcePolicy
logs:PutSubscriptionFilter log-group* destination
logs:StartLiveTail log-group*
logs:StartQuery log-group*
logs:StopQuery
logs:TagLogGroup log-group*
logs:TestMetricFilter
logs:UntagLogGroup log-group*`;
