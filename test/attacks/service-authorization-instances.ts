/** The part of the reference for instances, key pairs, images and volumes. */
export const INSTANCE_REFERENCE = `ec2:CreateLaunchTemplate launch-template*
ec2:CreateLaunchTemplateVersion launch-template*
ec2:DeleteLaunchTemplate launch-template*
ec2:DeleteLaunchTemplateVersions launch-template*
ec2:DescribeLaunchTemplateVersions
ec2:DescribeLaunchTemplates
ec2:GetLaunchTemplateData instance*
ec2:ModifyLaunchTemplate launch-template*
ec2:AssociateIamInstanceProfile instance*
ec2:AttachVolume instance* volume*
ec2:CopySnapshot snapshot*
ec2:CreateKeyPair key-pair*
ec2:CreateImage image* instance* snapshot*
ec2:CopyImage image* snapshot*
ec2:RegisterImage image* snapshot
ec2:CreatePlacementGroup placement-group
ec2:DeletePlacementGroup placement-group
ec2:DescribePlacementGroups
ec2:CreateSnapshot snapshot* volume*
ec2:CreateVolume volume* snapshot
ec2:DeleteKeyPair key-pair
ec2:DeleteSnapshot snapshot*
ec2:DeregisterImage image*
ec2:DeleteVolume volume*
ec2:DescribeIamInstanceProfileAssociations
ec2:DescribeImages
ec2:DescribeInstanceAttribute instance*
ec2:DescribeInstanceCreditSpecifications
ec2:DescribeInstanceStatus
ec2:DescribeInstanceTypeOfferings
ec2:DescribeInstanceTypes
ec2:DescribeInstances
ec2:DescribeKeyPairs
ec2:DescribeSnapshots
ec2:DescribeVolumes
ec2:DescribeVolumesModifications
ec2:DetachVolume volume* instance
ec2:DisableEbsEncryptionByDefault
ec2:DisableImageBlockPublicAccess
ec2:DisableSerialConsoleAccess
ec2:DisableSnapshotBlockPublicAccess
ec2:DisassociateIamInstanceProfile instance*
ec2:EnableEbsEncryptionByDefault
ec2:EnableImageBlockPublicAccess
ec2:EnableSerialConsoleAccess
ec2:EnableSnapshotBlockPublicAccess
ec2:GetConsoleOutput instance*
ec2:GetEbsDefaultKmsKeyId
ec2:GetEbsEncryptionByDefault
ec2:GetImageBlockPublicAccessState
ec2:GetInstanceMetadataDefaults
ec2:GetSerialConsoleAccessStatus
ec2:GetSnapshotBlockPublicAccessState
ec2:ImportKeyPair key-pair*
ec2:ModifyEbsDefaultKmsKeyId
ec2:ModifyInstanceAttribute instance* security-group volume
ec2:ModifyInstanceCreditSpecification instance*
ec2:ModifyInstanceMaintenanceOptions instance*
ec2:ModifyInstanceMetadataDefaults
ec2:ModifyInstanceMetadataOptions instance*
ec2:ModifyVolume volume*
ec2:MonitorInstances instance*
ec2:RebootInstances instance*
ec2:ReplaceIamInstanceProfileAssociation instance*
ec2:ResetEbsDefaultKmsKeyId
ec2:RunInstances image* instance* network-interface* security-group* subnet* volume* key-pair launch-template placement-group
ec2:StartInstances instance*
ec2:StopInstances instance*
ec2:TerminateInstances instance*
ec2:UnmonitorInstances instance*
`;
