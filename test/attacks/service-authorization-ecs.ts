/** The part of the Service Authorization Reference about ECS, as `service-authorization.ts`. */
export const ECS_REFERENCE = `
ecs:ContinueServiceDeployment service-deployment*
ecs:CreateCluster cluster*
ecs:CreateService service*
ecs:CreateTaskSet
ecs:DeleteAccountSetting
ecs:DeleteAttributes container-instance*
ecs:DeleteCluster cluster*
ecs:DeleteService service*
ecs:DeleteTaskDefinitions task-definition*
ecs:DeleteTaskSet task-set*
ecs:DeregisterContainerInstance cluster*
ecs:DeregisterTaskDefinition
ecs:DescribeCapacityProviders capacity-provider*
ecs:DescribeClusters cluster*
ecs:DescribeContainerInstances container-instance*
ecs:DescribeServiceDeployments service-deployment*
ecs:DescribeServiceRevisions service-revision*
ecs:DescribeServices service*
ecs:DescribeTaskDefinition
ecs:DescribeTaskSets task-set*
ecs:DescribeTasks task*
ecs:ListAccountSettings
ecs:ListAttributes cluster*
ecs:ListClusters
ecs:ListContainerInstances cluster*
ecs:ListServiceDeployments service*
ecs:ListServices
ecs:ListTagsForResource cluster container-instance service task task-definition
ecs:ListTaskDefinitionFamilies
ecs:ListTaskDefinitions
ecs:ListTasks container-instance*
ecs:PutAccountSetting
ecs:PutAccountSettingDefault
ecs:PutAttributes container-instance*
ecs:PutClusterCapacityProviders cluster*
ecs:RegisterTaskDefinition task-definition*
ecs:RunTask task-definition*
ecs:StartTask task-definition*
ecs:StopServiceDeployment service-deployment*
ecs:StopTask task*
ecs:TagResource cluster container-instance service task task-definition task-set
ecs:UntagResource cluster container-instance service task task-definition
ecs:UpdateCluster cluster*
ecs:UpdateClusterSettings cluster*
ecs:UpdateContainerInstancesState container-instance*
ecs:UpdateService service*
ecs:UpdateServicePrimaryTaskSet service*
ecs:UpdateTaskSet task-set*
`;
