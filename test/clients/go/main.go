// The journeys by the AWS SDK for Go, version 2: cluster, task and logs; bucket, object and presigned; repository and
// push; load balancer; database; roles.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatchlogs"
	"github.com/aws/aws-sdk-go-v2/service/ecr"
	ecrtypes "github.com/aws/aws-sdk-go-v2/service/ecr/types"
	"github.com/aws/aws-sdk-go-v2/service/ecs"
	ecstypes "github.com/aws/aws-sdk-go-v2/service/ecs/types"
	elb "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2"
	elbtypes "github.com/aws/aws-sdk-go-v2/service/elasticloadbalancingv2/types"
	"github.com/aws/aws-sdk-go-v2/service/iam"
	iamtypes "github.com/aws/aws-sdk-go-v2/service/iam/types"
	"github.com/aws/aws-sdk-go-v2/service/rds"
	rdstypes "github.com/aws/aws-sdk-go-v2/service/rds/types"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	s3types "github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/aws-sdk-go-v2/service/sts"
	"github.com/aws/smithy-go"
)

var (
	ctx     = context.Background()
	name    = os.Getenv("JOURNEY_NAME")
	subnets = strings.Split(os.Getenv("JOURNEY_SUBNETS"), ",")
	public  = strings.Split(os.Getenv("JOURNEY_PUBLIC_SUBNETS"), ",")
	group   = os.Getenv("JOURNEY_GROUP")
	wait    = 2 * time.Minute
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func same[T comparable](got, wanted T) {
	if got != wanted {
		panic(fmt.Sprintf("expected %v, got %v", wanted, got))
	}
}

func codeOf(err error) string {
	var refused smithy.APIError
	if errors.As(err, &refused) {
		return refused.ErrorCode()
	}
	return fmt.Sprint(err)
}

func clusterTaskLogs(settings aws.Config) {
	client, logs := ecs.NewFromConfig(settings), cloudwatchlogs.NewFromConfig(settings)
	must(client.CreateCluster(ctx, &ecs.CreateClusterInput{ClusterName: &name}))
	groups := []string{}
	for index := range 5 {
		groups = append(groups, fmt.Sprintf("/%s/%d", name, index))
		must(logs.CreateLogGroup(ctx, &cloudwatchlogs.CreateLogGroupInput{LogGroupName: &groups[index]}))
	}
	must(client.RegisterTaskDefinition(ctx, &ecs.RegisterTaskDefinitionInput{
		Family: &name, NetworkMode: ecstypes.NetworkModeAwsvpc, Cpu: aws.String("256"), Memory: aws.String("512"),
		RequiresCompatibilities: []ecstypes.Compatibility{ecstypes.CompatibilityFargate}, ExecutionRoleArn: aws.String(os.Getenv("JOURNEY_EXECUTION_ROLE")),
		ContainerDefinitions: []ecstypes.ContainerDefinition{{
			Name: aws.String("main"), Image: aws.String("busybox:latest"), Command: []string{"sh", "-c", "echo hello from " + name},
			LogConfiguration: &ecstypes.LogConfiguration{LogDriver: ecstypes.LogDriverAwslogs, Options: map[string]string{
				"awslogs-group": groups[0], "awslogs-region": "eu-south-1", "awslogs-stream-prefix": "t"}},
		}},
	}))
	task := *must(client.RunTask(ctx, &ecs.RunTaskInput{Cluster: &name, TaskDefinition: &name, LaunchType: ecstypes.LaunchTypeFargate,
		NetworkConfiguration: &ecstypes.NetworkConfiguration{AwsvpcConfiguration: &ecstypes.AwsVpcConfiguration{Subnets: subnets, SecurityGroups: []string{group}}},
	})).Tasks[0].TaskArn
	described := &ecs.DescribeTasksInput{Cluster: &name, Tasks: []string{task}}
	check(ecs.NewTasksStoppedWaiter(client, func(options *ecs.TasksStoppedWaiterOptions) { options.MinDelay = time.Second }).Wait(ctx, described, wait))
	same(*must(client.DescribeTasks(ctx, described)).Tasks[0].Containers[0].ExitCode, 0)
	stream := "t/main/" + task[strings.LastIndex(task, "/")+1:]
	events := must(logs.GetLogEvents(ctx, &cloudwatchlogs.GetLogEventsInput{LogGroupName: &groups[0], LogStreamName: &stream, StartFromHead: aws.Bool(true)})).Events
	same(*events[0].Message, "hello from "+name)
	pages, found := cloudwatchlogs.NewDescribeLogGroupsPaginator(logs, &cloudwatchlogs.DescribeLogGroupsInput{LogGroupNamePrefix: aws.String("/" + name + "/"), Limit: aws.Int32(2)}), 0
	for pages.HasMorePages() {
		found += len(must(pages.NextPage(ctx)).LogGroups)
	}
	same(found, 5)
	_, err := client.DescribeTasks(ctx, &ecs.DescribeTasksInput{Cluster: aws.String("nowhere"), Tasks: []string{task}})
	var missing *ecstypes.ClusterNotFoundException
	same(errors.As(err, &missing), true)
	for _, each := range groups {
		must(logs.DeleteLogGroup(ctx, &cloudwatchlogs.DeleteLogGroupInput{LogGroupName: &each}))
	}
	must(client.DeregisterTaskDefinition(ctx, &ecs.DeregisterTaskDefinitionInput{TaskDefinition: aws.String(name + ":1")}))
	must(client.DeleteCluster(ctx, &ecs.DeleteClusterInput{Cluster: &name}))
}

func bucketObjectPresigned(settings aws.Config) {
	client := s3.NewFromConfig(settings, func(options *s3.Options) { options.UsePathStyle = true })
	must(client.CreateBucket(ctx, &s3.CreateBucketInput{Bucket: &name, CreateBucketConfiguration: &s3types.CreateBucketConfiguration{LocationConstraint: "eu-south-1"}}))
	check(s3.NewBucketExistsWaiter(client).Wait(ctx, &s3.HeadBucketInput{Bucket: &name}, wait))
	body := make([]byte, 5<<20)
	rand.Read(body)
	key := "a/ä b"
	must(client.PutObject(ctx, &s3.PutObjectInput{Bucket: &name, Key: &key, Body: bytes.NewReader(body)}))
	got := must(client.GetObject(ctx, &s3.GetObjectInput{Bucket: &name, Key: &key, ChecksumMode: s3types.ChecksumModeEnabled}))
	same(bytes.Equal(must(io.ReadAll(got.Body)), body), true)
	signed := must(s3.NewPresignClient(client).PresignGetObject(ctx, &s3.GetObjectInput{Bucket: &name, Key: &key}))
	same(bytes.Equal(must(io.ReadAll(must(http.Get(signed.URL)).Body)), body), true)
	upload := must(client.CreateMultipartUpload(ctx, &s3.CreateMultipartUploadInput{Bucket: &name, Key: aws.String("parts"), ChecksumAlgorithm: s3types.ChecksumAlgorithmCrc32}))
	part := must(client.UploadPart(ctx, &s3.UploadPartInput{Bucket: &name, Key: aws.String("parts"), UploadId: upload.UploadId, PartNumber: aws.Int32(1), Body: bytes.NewReader(body)}))
	must(client.CompleteMultipartUpload(ctx, &s3.CompleteMultipartUploadInput{Bucket: &name, Key: aws.String("parts"), UploadId: upload.UploadId,
		MultipartUpload: &s3types.CompletedMultipartUpload{Parts: []s3types.CompletedPart{{PartNumber: aws.Int32(1), ETag: part.ETag, ChecksumCRC32: part.ChecksumCRC32}}}}))
	pages, keys := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &name, MaxKeys: aws.Int32(1)}), []string{}
	for pages.HasMorePages() {
		for _, object := range must(pages.NextPage(ctx)).Contents {
			keys = append(keys, *object.Key)
		}
	}
	same(strings.Join(keys, ","), "a/ä b,parts")
	_, err := client.GetObject(ctx, &s3.GetObjectInput{Bucket: &name, Key: aws.String("nothing")})
	var missing *s3types.NoSuchKey
	same(errors.As(err, &missing), true)
	elsewhere := s3.NewFromConfig(settings, func(options *s3.Options) { options.UsePathStyle, options.Region = true, "us-west-2" })
	_, err = elsewhere.GetObject(ctx, &s3.GetObjectInput{Bucket: &name, Key: &key})
	same(codeOf(err), "PermanentRedirect")
	for _, each := range keys {
		must(client.DeleteObject(ctx, &s3.DeleteObjectInput{Bucket: &name, Key: &each}))
	}
	must(client.DeleteBucket(ctx, &s3.DeleteBucketInput{Bucket: &name}))
	check(s3.NewBucketNotExistsWaiter(client).Wait(ctx, &s3.HeadBucketInput{Bucket: &name}, wait))
}

func repositoryPush(settings aws.Config) {
	client := ecr.NewFromConfig(settings)
	uri := *must(client.CreateRepository(ctx, &ecr.CreateRepositoryInput{RepositoryName: &name})).Repository.RepositoryUri
	token := *must(client.GetAuthorizationToken(ctx, &ecr.GetAuthorizationTokenInput{})).AuthorizationData[0].AuthorizationToken
	push := exec.Command(os.Getenv("JOURNEY_PUSH"), uri+":1")
	push.Stdin = strings.NewReader(strings.SplitN(string(must(base64.StdEncoding.DecodeString(token))), ":", 2)[1])
	push.Stderr = os.Stderr
	check(push.Run())
	same(must(client.DescribeImages(ctx, &ecr.DescribeImagesInput{RepositoryName: &name})).ImageDetails[0].ImageTags[0], "1")
	_, err := client.DeleteRepository(ctx, &ecr.DeleteRepositoryInput{RepositoryName: &name})
	var full *ecrtypes.RepositoryNotEmptyException
	same(errors.As(err, &full), true)
	must(client.DeleteRepository(ctx, &ecr.DeleteRepositoryInput{RepositoryName: &name, Force: true}))
}

func loadBalancer(settings aws.Config) {
	client := elb.NewFromConfig(settings)
	arn := must(client.CreateLoadBalancer(ctx, &elb.CreateLoadBalancerInput{Name: &name, Subnets: public, SecurityGroups: []string{group}})).LoadBalancers[0].LoadBalancerArn
	described := &elb.DescribeLoadBalancersInput{LoadBalancerArns: []string{*arn}}
	check(elb.NewLoadBalancerAvailableWaiter(client).Wait(ctx, described, wait))
	target := must(client.CreateTargetGroup(ctx, &elb.CreateTargetGroupInput{Name: &name, Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(80),
		VpcId: aws.String(os.Getenv("JOURNEY_VPC")), TargetType: elbtypes.TargetTypeEnumIp})).TargetGroups[0].TargetGroupArn
	action := []elbtypes.Action{{Type: elbtypes.ActionTypeEnumForward, TargetGroupArn: target}}
	listener := must(client.CreateListener(ctx, &elb.CreateListenerInput{LoadBalancerArn: arn, Protocol: elbtypes.ProtocolEnumHttp, Port: aws.Int32(80), DefaultActions: action})).Listeners[0].ListenerArn
	must(client.CreateRule(ctx, &elb.CreateRuleInput{ListenerArn: listener, Priority: aws.Int32(5), Actions: action,
		Conditions: []elbtypes.RuleCondition{{Field: aws.String("path-pattern"), Values: []string{"/x/*"}}}}))
	same(len(must(client.DescribeRules(ctx, &elb.DescribeRulesInput{ListenerArn: listener})).Rules), 2)
	_, err := client.DescribeLoadBalancers(ctx, &elb.DescribeLoadBalancersInput{Names: []string{"nowhere"}})
	var missing *elbtypes.LoadBalancerNotFoundException
	same(errors.As(err, &missing), true)
	must(client.DeleteLoadBalancer(ctx, &elb.DeleteLoadBalancerInput{LoadBalancerArn: arn}))
	check(elb.NewLoadBalancersDeletedWaiter(client, func(options *elb.LoadBalancersDeletedWaiterOptions) { options.MinDelay = time.Second }).Wait(ctx, described, wait))
	must(client.DeleteTargetGroup(ctx, &elb.DeleteTargetGroupInput{TargetGroupArn: target}))
}

func database(settings aws.Config) {
	client := rds.NewFromConfig(settings)
	must(client.CreateDBSubnetGroup(ctx, &rds.CreateDBSubnetGroupInput{DBSubnetGroupName: &name, DBSubnetGroupDescription: &name, SubnetIds: subnets}))
	must(client.CreateDBInstance(ctx, &rds.CreateDBInstanceInput{DBInstanceIdentifier: &name, DBInstanceClass: aws.String("db.t3.micro"), Engine: aws.String("mysql"),
		AllocatedStorage: aws.Int32(20), MasterUsername: aws.String("admin"), MasterUserPassword: aws.String("sesame-sesame"), DBSubnetGroupName: &name, VpcSecurityGroupIds: []string{group}}))
	described := &rds.DescribeDBInstancesInput{DBInstanceIdentifier: &name}
	check(rds.NewDBInstanceAvailableWaiter(client, func(options *rds.DBInstanceAvailableWaiterOptions) { options.MinDelay = time.Second }).Wait(ctx, described, wait))
	same(*must(client.DescribeDBInstances(ctx, described)).DBInstances[0].Endpoint.Port, 3306)
	must(client.DeleteDBInstance(ctx, &rds.DeleteDBInstanceInput{DBInstanceIdentifier: &name, SkipFinalSnapshot: aws.Bool(true)}))
	check(rds.NewDBInstanceDeletedWaiter(client, func(options *rds.DBInstanceDeletedWaiterOptions) { options.MinDelay = time.Second }).Wait(ctx, described, wait))
	_, err := client.DescribeDBInstances(ctx, described)
	var missing *rdstypes.DBInstanceNotFoundFault
	same(errors.As(err, &missing), true)
	must(client.DeleteDBSubnetGroup(ctx, &rds.DeleteDBSubnetGroupInput{DBSubnetGroupName: &name}))
}

func roles(settings aws.Config) {
	client, tokens := iam.NewFromConfig(settings), sts.NewFromConfig(settings)
	account := *must(tokens.GetCallerIdentity(ctx, &sts.GetCallerIdentityInput{})).Account
	trust := fmt.Sprintf(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"%s"},"Action":"sts:AssumeRole"}}`, account)
	arn := must(client.CreateRole(ctx, &iam.CreateRoleInput{RoleName: &name, AssumeRolePolicyDocument: &trust})).Role.Arn
	check(iam.NewRoleExistsWaiter(client).Wait(ctx, &iam.GetRoleInput{RoleName: &name}, wait))
	must(client.PutRolePolicy(ctx, &iam.PutRolePolicyInput{RoleName: &name, PolicyName: aws.String("list"),
		PolicyDocument: aws.String(`{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ecs:ListClusters","Resource":"*"}}`)}))
	got := must(tokens.AssumeRole(ctx, &sts.AssumeRoleInput{RoleArn: arn, RoleSessionName: aws.String("journey")})).Credentials
	as := func(token string) aws.Config {
		other := settings.Copy()
		other.Credentials = credentials.NewStaticCredentialsProvider(*got.AccessKeyId, *got.SecretAccessKey, token)
		return other
	}
	own, bad := as(*got.SessionToken), as("nonsense")
	must(ecs.NewFromConfig(own).ListClusters(ctx, &ecs.ListClustersInput{}))
	_, err := ecs.NewFromConfig(own).CreateCluster(ctx, &ecs.CreateClusterInput{})
	same(codeOf(err), "AccessDeniedException")
	_, err = s3.NewFromConfig(own).ListBuckets(ctx, &s3.ListBucketsInput{})
	same(codeOf(err), "AccessDenied")
	_, err = ecs.NewFromConfig(bad).ListClusters(ctx, &ecs.ListClustersInput{})
	same(codeOf(err), "UnrecognizedClientException")
	must(client.DeleteRolePolicy(ctx, &iam.DeleteRolePolicyInput{RoleName: &name, PolicyName: aws.String("list")}))
	must(client.DeleteRole(ctx, &iam.DeleteRoleInput{RoleName: &name}))
	_, err = client.GetRole(ctx, &iam.GetRoleInput{RoleName: &name})
	var missing *iamtypes.NoSuchEntityException
	same(errors.As(err, &missing), true)
}

func main() {
	settings := must(config.LoadDefaultConfig(ctx))
	journeys := []struct {
		name string
		run  func(aws.Config)
	}{
		{"cluster_task_logs", clusterTaskLogs}, {"bucket_object_presigned", bucketObjectPresigned}, {"repository_push", repositoryPush},
		{"load_balancer", loadBalancer}, {"database", database}, {"roles", roles},
	}
	for _, journey := range journeys {
		journey.run(settings)
		fmt.Println(journey.name)
	}
}
