"""The journeys by boto3: cluster, task and logs; bucket, object and presigned; repository and push; load balancer; database; roles."""

import base64
import os
import socket
import subprocess
import time
import urllib.request

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

NAME = os.environ["JOURNEY_NAME"]
SUBNETS = os.environ["JOURNEY_SUBNETS"].split(",")
PUBLIC_SUBNETS = os.environ["JOURNEY_PUBLIC_SUBNETS"].split(",")
GROUP = os.environ["JOURNEY_GROUP"]
VPC = os.environ["JOURNEY_VPC"]
FAST = {"Delay": 1, "MaxAttempts": 120}

# Names under .localhost are this machine, whatever the resolver says.
resolve = socket.getaddrinfo
socket.getaddrinfo = lambda host, *rest, **more: resolve("127.0.0.1" if str(host).endswith(".localhost") else host, *rest, **more)


def code_of(call, **parameters):
    try:
        call(**parameters)
    except ClientError as thrown:
        return thrown.response["Error"]["Code"]
    return "none"


def cluster_task_logs():
    ecs, logs = boto3.client("ecs"), boto3.client("logs")
    ecs.create_cluster(clusterName=NAME)
    for index in range(5):
        logs.create_log_group(logGroupName=f"/{NAME}/{index}")
    ecs.register_task_definition(
        family=NAME,
        networkMode="awsvpc",
        requiresCompatibilities=["FARGATE"],
        cpu="256",
        executionRoleArn=os.environ["JOURNEY_EXECUTION_ROLE"],
        memory="512",
        containerDefinitions=[
            {
                "name": "main",
                "image": "busybox:latest",
                "command": ["sh", "-c", f"echo hello from {NAME}"],
                "logConfiguration": {
                    "logDriver": "awslogs",
                    "options": {"awslogs-group": f"/{NAME}/0", "awslogs-region": "eu-south-1", "awslogs-stream-prefix": "t"},
                },
            }
        ],
    )
    network = {"awsvpcConfiguration": {"subnets": SUBNETS, "securityGroups": [GROUP]}}
    task = ecs.run_task(cluster=NAME, taskDefinition=NAME, launchType="FARGATE", networkConfiguration=network)["tasks"][0]["taskArn"]
    ecs.get_waiter("tasks_stopped").wait(cluster=NAME, tasks=[task], WaiterConfig=FAST)
    stopped = ecs.describe_tasks(cluster=NAME, tasks=[task])["tasks"][0]
    assert stopped["containers"][0]["exitCode"] == 0, stopped
    stream = f"t/main/{task.split('/')[-1]}"
    events = logs.get_log_events(logGroupName=f"/{NAME}/0", logStreamName=stream, startFromHead=True)["events"]
    assert [event["message"] for event in events] == [f"hello from {NAME}"], events
    pages = list(logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=f"/{NAME}/", PaginationConfig={"PageSize": 2}))
    assert [len(page["logGroups"]) for page in pages] == [2, 2, 1], pages
    assert code_of(ecs.describe_tasks, cluster="nowhere", tasks=[task]) == "ClusterNotFoundException"
    try:
        ecs.run_task(cluster="nowhere", taskDefinition=NAME)
    except ecs.exceptions.ClusterNotFoundException as thrown:
        assert thrown.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    for index in range(5):
        logs.delete_log_group(logGroupName=f"/{NAME}/{index}")
    ecs.deregister_task_definition(taskDefinition=f"{NAME}:1")
    ecs.delete_cluster(cluster=NAME)


def bucket_object_presigned():
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    for style, where in (("path", endpoint), ("virtual", endpoint.replace("127.0.0.1", "s3.localhost"))):
        s3 = boto3.client("s3", endpoint_url=where, config=Config(s3={"addressing_style": style}))
        bucket = f"{NAME}-{style}"
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-south-1"})
        s3.get_waiter("bucket_exists").wait(Bucket=bucket)
        body = os.urandom(9 * 1024 * 1024)
        s3.put_object(Bucket=bucket, Key="a/ä b", Body=body, ChecksumAlgorithm="SHA256")
        assert s3.get_object(Bucket=bucket, Key="a/ä b", ChecksumMode="ENABLED")["Body"].read() == body
        with open("/tmp/" + bucket, "wb") as file:
            file.write(body)
        s3.upload_file("/tmp/" + bucket, bucket, "parts", Config=boto3.s3.transfer.TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20))
        os.remove("/tmp/" + bucket)
        assert "-2" in s3.head_object(Bucket=bucket, Key="parts")["ETag"]
        url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "a/ä b"}, ExpiresIn=60)
        assert urllib.request.urlopen(url).read() == body
        put = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "put"}, ExpiresIn=60)
        urllib.request.urlopen(urllib.request.Request(put, data=b"presigned", method="PUT"))
        form = s3.generate_presigned_post(bucket, "form/${filename}", Conditions=[["content-length-range", 1, 100]])
        fields = [argument for name, value in form["fields"].items() for argument in ("-F", f"{name}={value}")]
        answer = subprocess.run(
            ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "--resolve", f"*:{endpoint.rsplit(':', 1)[1]}:127.0.0.1", *fields, "-F", "file=@/etc/hostname;filename=f", form["url"]],
            capture_output=True,
            text=True,
            check=True,
        )
        assert answer.stdout == "204", answer
        pages = list(s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 3}))
        assert [item["Key"] for page in pages for item in page["Contents"]] == ["a/ä b", "form/f", "parts", "put"], pages
        assert code_of(s3.get_object, Bucket=bucket, Key="nothing") == "NoSuchKey"
        s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": item["Key"]} for page in pages for item in page["Contents"]]})
        # A client of another region is sent to the bucket's own, and goes there by itself.
        boto3.client("s3", region_name="us-west-2", endpoint_url=where, config=Config(s3={"addressing_style": style})).head_bucket(Bucket=bucket)
        s3.delete_bucket(Bucket=bucket)
        s3.get_waiter("bucket_not_exists").wait(Bucket=bucket)


def repository_push():
    ecr = boto3.client("ecr")
    uri = ecr.create_repository(repositoryName=NAME)["repository"]["repositoryUri"]
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    password = base64.b64decode(token).decode().split(":", 1)[1]
    subprocess.run([os.path.join(os.path.dirname(__file__), "push.sh"), f"{uri}:1"], input=password, text=True, check=True)
    assert ecr.describe_images(repositoryName=NAME)["imageDetails"][0]["imageTags"] == ["1"]
    assert code_of(ecr.delete_repository, repositoryName=NAME) == "RepositoryNotEmptyException"
    ecr.delete_repository(repositoryName=NAME, force=True)


def load_balancer():
    elb = boto3.client("elbv2")
    arn = elb.create_load_balancer(Name=NAME, Subnets=PUBLIC_SUBNETS, SecurityGroups=[GROUP])["LoadBalancers"][0]["LoadBalancerArn"]
    elb.get_waiter("load_balancer_available").wait(LoadBalancerArns=[arn])
    target = elb.create_target_group(Name=NAME, Protocol="HTTP", Port=80, VpcId=VPC, TargetType="ip")["TargetGroups"][0]["TargetGroupArn"]
    action = [{"Type": "forward", "TargetGroupArn": target}]
    listener = elb.create_listener(LoadBalancerArn=arn, Protocol="HTTP", Port=80, DefaultActions=action)["Listeners"][0]["ListenerArn"]
    rule = elb.create_rule(ListenerArn=listener, Priority=5, Conditions=[{"Field": "path-pattern", "Values": ["/x/*"]}], Actions=action)
    assert rule["Rules"][0]["Priority"] == "5"
    assert len(elb.describe_rules(ListenerArn=listener)["Rules"]) == 2
    assert code_of(elb.describe_load_balancers, Names=["nowhere"]) == "LoadBalancerNotFound"
    elb.delete_load_balancer(LoadBalancerArn=arn)
    elb.get_waiter("load_balancers_deleted").wait(LoadBalancerArns=[arn])
    elb.delete_target_group(TargetGroupArn=target)


def database():
    rds = boto3.client("rds")
    rds.create_db_subnet_group(DBSubnetGroupName=NAME, DBSubnetGroupDescription=NAME, SubnetIds=SUBNETS)
    rds.create_db_instance(
        DBInstanceIdentifier=NAME,
        DBInstanceClass="db.t3.micro",
        Engine="mysql",
        AllocatedStorage=20,
        MasterUsername="admin",
        MasterUserPassword="sesame-sesame",
        DBSubnetGroupName=NAME,
        VpcSecurityGroupIds=[GROUP],
    )
    rds.get_waiter("db_instance_available").wait(DBInstanceIdentifier=NAME, WaiterConfig=FAST)
    assert rds.describe_db_instances(DBInstanceIdentifier=NAME)["DBInstances"][0]["Endpoint"]["Port"] == 3306
    rds.delete_db_instance(DBInstanceIdentifier=NAME, SkipFinalSnapshot=True)
    rds.get_waiter("db_instance_deleted").wait(DBInstanceIdentifier=NAME, WaiterConfig=FAST)
    assert code_of(rds.describe_db_instances, DBInstanceIdentifier=NAME) == "DBInstanceNotFound"
    rds.delete_db_subnet_group(DBSubnetGroupName=NAME)


def roles():
    iam, sts = boto3.client("iam"), boto3.client("sts")
    account = sts.get_caller_identity()["Account"]
    trust = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"%s"},"Action":"sts:AssumeRole"}}' % account
    arn = iam.create_role(RoleName=NAME, AssumeRolePolicyDocument=trust)["Role"]["Arn"]
    iam.get_waiter("role_exists").wait(RoleName=NAME)
    policy = '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ecs:ListClusters","Resource":"*"}}'
    iam.put_role_policy(RoleName=NAME, PolicyName="list", PolicyDocument=policy)
    got = sts.assume_role(RoleArn=arn, RoleSessionName="journey")["Credentials"]
    session = boto3.Session(got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"])
    session.client("ecs").list_clusters()
    assert code_of(session.client("ecs").create_cluster, clusterName="x") == "AccessDeniedException"
    assert code_of(session.client("s3").list_buckets) == "AccessDenied"
    assert code_of(session.client("ec2").describe_vpcs) == "UnauthorizedOperation"
    bad = boto3.Session(got["AccessKeyId"], got["SecretAccessKey"], "nonsense")
    assert code_of(bad.client("ecs").list_clusters) == "UnrecognizedClientException"
    assert code_of(bad.client("sts").get_caller_identity) == "InvalidClientTokenId"
    assert code_of(bad.client("s3").list_buckets) == "InvalidToken"
    iam.delete_role_policy(RoleName=NAME, PolicyName="list")
    iam.delete_role(RoleName=NAME)
    assert code_of(iam.get_role, RoleName=NAME) == "NoSuchEntity"


def spellings_of_an_endpoint():
    """A service's own variable wins over the one for all."""
    endpoint = os.environ["AWS_ENDPOINT_URL"]
    os.environ.update(AWS_ENDPOINT_URL="http://127.0.0.1:9", AWS_ENDPOINT_URL_S3=endpoint, AWS_ENDPOINT_URL_ECS=endpoint)
    boto3.Session().client("s3").list_buckets()
    boto3.Session().client("ecs").list_clusters()
    os.environ["AWS_ENDPOINT_URL"] = endpoint


spellings_of_an_endpoint()
for journey in (cluster_task_logs, bucket_object_presigned, repository_push, load_balancer, database, roles):
    started = time.monotonic()
    journey()
    print(journey.__name__, flush=True)
