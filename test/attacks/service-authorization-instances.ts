/** The part of the reference for instances, key pairs, images and volumes. */
export const INSTANCE_REFERENCE = `ec2:CreateLaunchTemplate launch-template*
ec2:CreateLaunchTemplateVersion launch-template*
ec2:DeleteLaunchTemplate launch-template*
ec2:DeleteLaunchTemplateVersions launch-template*
ec2:DescribeLaunchTemplateVersions
ec2:DescribeLaunchTemplates
ec2:GetLaunchTemplateData instance*
ec2:ModifyLaunchTemplate launch-template*
ec2:CreateKeyPair key-pair*
ec2:DeleteKeyPair key-pair
ec2:DescribeImages
ec2:DescribeInstanceAttribute instance*
ec2:DescribeInstanceCreditSpecifications
ec2:DescribeInstanceStatus
ec2:DescribeInstanceTypeOfferings
ec2:DescribeInstanceTypes
ec2:DescribeInstances
ec2:DescribeKeyPairs
ec2:DescribeVolumes
ec2:GetConsoleOutput instance*
ec2:ImportKeyPair key-pair*
ec2:ModifyInstanceAttribute instance* security-group volume
ec2:ModifyInstanceMetadataOptions instance*
ec2:RebootInstances instance*
ec2:RunInstances image* instance* network-interface* security-group* subnet* volume* key-pair launch-template
ec2:StartInstances instance*
ec2:StopInstances instance*
ec2:TerminateInstances instance*
`;
