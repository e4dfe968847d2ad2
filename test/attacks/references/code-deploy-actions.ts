/**
 * Actions of CodeDeploy and their resource types, as in `service-authorization.ts`. Operations on a
 * deployment are authorized on its group.
 * Source: Service Authorization Reference; CodeDeploy User Guide, "CodeDeploy permissions reference".
 */
export const CODE_DEPLOY_ACTIONS = `
codedeploy:BatchGetApplicationRevisions application*
codedeploy:BatchGetApplications application*
codedeploy:BatchGetDeploymentGroups deploymentgroup*
codedeploy:BatchGetDeploymentTargets deploymentgroup*
codedeploy:BatchGetDeployments deploymentgroup*
codedeploy:ContinueDeployment deploymentgroup*
codedeploy:CreateApplication application*
codedeploy:CreateDeployment deploymentgroup*
codedeploy:CreateDeploymentConfig deploymentconfig*
codedeploy:CreateDeploymentGroup deploymentgroup*
codedeploy:DeleteApplication application*
codedeploy:DeleteDeploymentConfig deploymentconfig*
codedeploy:DeleteDeploymentGroup deploymentgroup*
codedeploy:GetApplication application*
codedeploy:GetApplicationRevision application*
codedeploy:GetDeployment deploymentgroup*
codedeploy:GetDeploymentConfig deploymentconfig*
codedeploy:GetDeploymentGroup deploymentgroup*
codedeploy:GetDeploymentTarget deploymentgroup*
codedeploy:ListApplicationRevisions application*
codedeploy:ListApplications
codedeploy:ListDeploymentConfigs
codedeploy:ListDeploymentGroups application*
codedeploy:ListDeploymentTargets deploymentgroup*
codedeploy:ListDeployments deploymentgroup*
codedeploy:ListTagsForResource application deploymentgroup
codedeploy:PutLifecycleEventHookExecutionStatus deploymentgroup*
codedeploy:RegisterApplicationRevision application*
codedeploy:StopDeployment deploymentgroup*
codedeploy:TagResource application deploymentgroup
codedeploy:UntagResource application deploymentgroup
codedeploy:UpdateApplication application*
codedeploy:UpdateDeploymentGroup deploymentgroup*
`.trim();
