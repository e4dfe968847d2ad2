import java.io.OutputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import software.amazon.awssdk.auth.credentials.AwsSessionCredentials;
import software.amazon.awssdk.auth.credentials.StaticCredentialsProvider;
import software.amazon.awssdk.awscore.exception.AwsServiceException;
import software.amazon.awssdk.core.sync.RequestBody;
import software.amazon.awssdk.core.waiters.WaiterOverrideConfiguration;
import software.amazon.awssdk.retries.api.BackoffStrategy;
import software.amazon.awssdk.services.cloudwatchlogs.CloudWatchLogsClient;
import software.amazon.awssdk.services.ecr.EcrClient;
import software.amazon.awssdk.services.ecr.model.RepositoryNotEmptyException;
import software.amazon.awssdk.services.ecs.EcsClient;
import software.amazon.awssdk.services.ecs.model.ClusterNotFoundException;
import software.amazon.awssdk.services.ecs.model.Compatibility;
import software.amazon.awssdk.services.ecs.model.DescribeTasksRequest;
import software.amazon.awssdk.services.ecs.model.LaunchType;
import software.amazon.awssdk.services.ecs.model.LogDriver;
import software.amazon.awssdk.services.ecs.model.NetworkMode;
import software.amazon.awssdk.services.elasticloadbalancingv2.ElasticLoadBalancingV2Client;
import software.amazon.awssdk.services.elasticloadbalancingv2.model.Action;
import software.amazon.awssdk.services.elasticloadbalancingv2.model.ActionTypeEnum;
import software.amazon.awssdk.services.elasticloadbalancingv2.model.LoadBalancerNotFoundException;
import software.amazon.awssdk.services.elasticloadbalancingv2.model.ProtocolEnum;
import software.amazon.awssdk.services.elasticloadbalancingv2.model.TargetTypeEnum;
import software.amazon.awssdk.services.iam.IamClient;
import software.amazon.awssdk.services.iam.model.NoSuchEntityException;
import software.amazon.awssdk.services.rds.RdsClient;
import software.amazon.awssdk.services.rds.model.DbInstanceNotFoundException;
import software.amazon.awssdk.services.s3.S3Client;
import software.amazon.awssdk.services.s3.model.ChecksumAlgorithm;
import software.amazon.awssdk.services.s3.model.CompletedPart;
import software.amazon.awssdk.services.s3.model.NoSuchKeyException;
import software.amazon.awssdk.services.s3.model.S3Object;
import software.amazon.awssdk.services.s3.presigner.S3Presigner;
import software.amazon.awssdk.services.sts.StsClient;

/** The journeys by the AWS SDK for Java, version 2: cluster, task and logs; bucket, object and presigned; repository and push; load balancer; database; roles. */
public final class Journeys {
  private static final String NAME = System.getenv("JOURNEY_NAME");
  private static final List<String> SUBNETS = Arrays.asList(System.getenv("JOURNEY_SUBNETS").split(","));
  private static final List<String> PUBLIC_SUBNETS = Arrays.asList(System.getenv("JOURNEY_PUBLIC_SUBNETS").split(","));
  private static final String GROUP = System.getenv("JOURNEY_GROUP");
  private static final URI ENDPOINT = URI.create(System.getenv("AWS_ENDPOINT_URL"));
  private static final WaiterOverrideConfiguration OFTEN =
      WaiterOverrideConfiguration.builder().maxAttempts(120).backoffStrategyV2(BackoffStrategy.fixedDelay(Duration.ofSeconds(1))).build();

  private Journeys() {}

  private static void same(Object got, Object wanted) {
    if (!Objects.equals(got, wanted)) throw new AssertionError("expected " + wanted + ", got " + got);
  }

  private static String codeOf(Runnable call) {
    try {
      call.run();
    } catch (AwsServiceException thrown) {
      return thrown.awsErrorDetails().errorCode();
    }
    return "none";
  }

  private static <T extends Exception> void raises(Class<T> kind, Runnable call) {
    try {
      call.run();
    } catch (Exception thrown) {
      same(kind.isInstance(thrown) ? kind : thrown, kind);
      return;
    }
    throw new AssertionError("nothing was raised");
  }

  private static void clusterTaskLogs() {
    try (EcsClient ecs = EcsClient.create(); CloudWatchLogsClient logs = CloudWatchLogsClient.create()) {
      ecs.createCluster(request -> request.clusterName(NAME));
      for (int index = 0; index < 5; index++) {
        String group = "/" + NAME + "/" + index;
        logs.createLogGroup(request -> request.logGroupName(group));
      }
      ecs.registerTaskDefinition(request -> request.family(NAME).networkMode(NetworkMode.AWSVPC).cpu("256").memory("512")
          .requiresCompatibilities(Compatibility.FARGATE).executionRoleArn(System.getenv("JOURNEY_EXECUTION_ROLE"))
          .containerDefinitions(container -> container.name("main").image("busybox:latest").command("sh", "-c", "echo hello from " + NAME)
              .logConfiguration(log -> log.logDriver(LogDriver.AWSLOGS)
                  .options(Map.of("awslogs-group", "/" + NAME + "/0", "awslogs-region", "eu-south-1", "awslogs-stream-prefix", "t")))));
      String task = ecs.runTask(request -> request.cluster(NAME).taskDefinition(NAME).launchType(LaunchType.FARGATE)
          .networkConfiguration(network -> network.awsvpcConfiguration(vpc -> vpc.subnets(SUBNETS).securityGroups(GROUP)))).tasks().get(0).taskArn();
      DescribeTasksRequest described = DescribeTasksRequest.builder().cluster(NAME).tasks(task).build();
      ecs.waiter().waitUntilTasksStopped(described, OFTEN);
      same(ecs.describeTasks(described).tasks().get(0).containers().get(0).exitCode(), 0);
      String stream = "t/main/" + task.substring(task.lastIndexOf('/') + 1);
      same(logs.getLogEvents(request -> request.logGroupName("/" + NAME + "/0").logStreamName(stream).startFromHead(true)).events().get(0).message(), "hello from " + NAME);
      same(logs.describeLogGroupsPaginator(request -> request.logGroupNamePrefix("/" + NAME + "/").limit(2)).logGroups().stream().count(), 5L);
      raises(ClusterNotFoundException.class, () -> ecs.describeTasks(request -> request.cluster("nowhere").tasks(task)));
      for (int index = 0; index < 5; index++) {
        String group = "/" + NAME + "/" + index;
        logs.deleteLogGroup(request -> request.logGroupName(group));
      }
      ecs.deregisterTaskDefinition(request -> request.taskDefinition(NAME + ":1"));
      ecs.deleteCluster(request -> request.cluster(NAME));
    }
  }

  private static void bucketObjectPresigned() throws Exception {
    byte[] body = new byte[5 << 20];
    new Random(1).nextBytes(body);
    String key = "a/ä b";
    try (S3Client s3 = S3Client.builder().forcePathStyle(true).build();
        S3Client elsewhere = S3Client.builder().forcePathStyle(true).region(software.amazon.awssdk.regions.Region.US_WEST_2).build();
        S3Presigner presigner = S3Presigner.builder().endpointOverride(ENDPOINT).s3Client(s3).serviceConfiguration(
            software.amazon.awssdk.services.s3.S3Configuration.builder().pathStyleAccessEnabled(true).build()).build()) {
      s3.createBucket(request -> request.bucket(NAME).createBucketConfiguration(place -> place.locationConstraint("eu-south-1")));
      s3.waiter().waitUntilBucketExists(request -> request.bucket(NAME));
      s3.putObject(request -> request.bucket(NAME).key(key).checksumAlgorithm(ChecksumAlgorithm.SHA256), RequestBody.fromBytes(body));
      same(Arrays.equals(s3.getObjectAsBytes(request -> request.bucket(NAME).key(key)).asByteArray(), body), true);
      URI signed = presigner.presignGetObject(request -> request.signatureDuration(Duration.ofMinutes(1)).getObjectRequest(object -> object.bucket(NAME).key(key))).url().toURI();
      HttpResponse<byte[]> fetched = HttpClient.newHttpClient().send(HttpRequest.newBuilder(signed).build(), HttpResponse.BodyHandlers.ofByteArray());
      if (fetched.statusCode() != 200) throw new AssertionError(signed + " answered " + new String(fetched.body()));
      same(Arrays.equals(fetched.body(), body), true);
      String upload = s3.createMultipartUpload(request -> request.bucket(NAME).key("parts").checksumAlgorithm(ChecksumAlgorithm.CRC32)).uploadId();
      var part = s3.uploadPart(request -> request.bucket(NAME).key("parts").uploadId(upload).partNumber(1).checksumAlgorithm(ChecksumAlgorithm.CRC32), RequestBody.fromBytes(body));
      s3.completeMultipartUpload(request -> request.bucket(NAME).key("parts").uploadId(upload)
          .multipartUpload(parts -> parts.parts(CompletedPart.builder().partNumber(1).eTag(part.eTag()).checksumCRC32(part.checksumCRC32()).build())));
      List<String> keys = new ArrayList<>(s3.listObjectsV2Paginator(request -> request.bucket(NAME).maxKeys(1)).contents().stream().map(S3Object::key).toList());
      same(keys, List.of(key, "parts"));
      raises(NoSuchKeyException.class, () -> s3.getObjectAsBytes(request -> request.bucket(NAME).key("nothing")));
      same(codeOf(() -> elsewhere.getObjectAsBytes(request -> request.bucket(NAME).key(key))), "PermanentRedirect");
      for (String each : keys) s3.deleteObject(request -> request.bucket(NAME).key(each));
      s3.deleteBucket(request -> request.bucket(NAME));
      s3.waiter().waitUntilBucketNotExists(request -> request.bucket(NAME));
    }
  }

  private static void repositoryPush() throws Exception {
    try (EcrClient ecr = EcrClient.create()) {
      String uri = ecr.createRepository(request -> request.repositoryName(NAME)).repository().repositoryUri();
      String token = new String(Base64.getDecoder().decode(ecr.getAuthorizationToken().authorizationData().get(0).authorizationToken()));
      Process push = new ProcessBuilder(System.getenv("JOURNEY_PUSH"), uri + ":1").redirectError(ProcessBuilder.Redirect.INHERIT).start();
      try (OutputStream input = push.getOutputStream()) {
        input.write(token.split(":", 2)[1].getBytes());
      }
      same(push.waitFor(), 0);
      same(ecr.describeImages(request -> request.repositoryName(NAME)).imageDetails().get(0).imageTags(), List.of("1"));
      raises(RepositoryNotEmptyException.class, () -> ecr.deleteRepository(request -> request.repositoryName(NAME)));
      ecr.deleteRepository(request -> request.repositoryName(NAME).force(true));
    }
  }

  private static void loadBalancer() {
    try (ElasticLoadBalancingV2Client elb = ElasticLoadBalancingV2Client.create()) {
      String arn = elb.createLoadBalancer(request -> request.name(NAME).subnets(PUBLIC_SUBNETS).securityGroups(GROUP)).loadBalancers().get(0).loadBalancerArn();
      elb.waiter().waitUntilLoadBalancerAvailable(request -> request.loadBalancerArns(arn));
      String target = elb.createTargetGroup(request -> request.name(NAME).protocol(ProtocolEnum.HTTP).port(80).vpcId(System.getenv("JOURNEY_VPC")).targetType(TargetTypeEnum.IP))
          .targetGroups().get(0).targetGroupArn();
      Action action = Action.builder().type(ActionTypeEnum.FORWARD).targetGroupArn(target).build();
      String listener = elb.createListener(request -> request.loadBalancerArn(arn).protocol(ProtocolEnum.HTTP).port(80).defaultActions(action)).listeners().get(0).listenerArn();
      elb.createRule(request -> request.listenerArn(listener).priority(5).actions(action).conditions(condition -> condition.field("path-pattern").values("/x/*")));
      same(elb.describeRules(request -> request.listenerArn(listener)).rules().size(), 2);
      raises(LoadBalancerNotFoundException.class, () -> elb.describeLoadBalancers(request -> request.names("nowhere")));
      elb.deleteLoadBalancer(request -> request.loadBalancerArn(arn));
      elb.waiter().waitUntilLoadBalancersDeleted(request -> request.loadBalancerArns(arn), config -> config.maxAttempts(60).backoffStrategyV2(BackoffStrategy.fixedDelay(Duration.ofSeconds(1))));
      elb.deleteTargetGroup(request -> request.targetGroupArn(target));
    }
  }

  private static void database() {
    try (RdsClient rds = RdsClient.create()) {
      rds.createDBSubnetGroup(request -> request.dbSubnetGroupName(NAME).dbSubnetGroupDescription(NAME).subnetIds(SUBNETS));
      rds.createDBInstance(request -> request.dbInstanceIdentifier(NAME).dbInstanceClass("db.t3.micro").engine("mysql").allocatedStorage(20).masterUsername("admin")
          .masterUserPassword("sesame-sesame").dbSubnetGroupName(NAME).vpcSecurityGroupIds(GROUP));
      rds.waiter().waitUntilDBInstanceAvailable(request -> request.dbInstanceIdentifier(NAME), config -> config.maxAttempts(120).backoffStrategyV2(BackoffStrategy.fixedDelay(Duration.ofSeconds(1))));
      same(rds.describeDBInstances(request -> request.dbInstanceIdentifier(NAME)).dbInstances().get(0).endpoint().port(), 3306);
      rds.deleteDBInstance(request -> request.dbInstanceIdentifier(NAME).skipFinalSnapshot(true));
      rds.waiter().waitUntilDBInstanceDeleted(request -> request.dbInstanceIdentifier(NAME), config -> config.maxAttempts(120).backoffStrategyV2(BackoffStrategy.fixedDelay(Duration.ofSeconds(1))));
      raises(DbInstanceNotFoundException.class, () -> rds.describeDBInstances(request -> request.dbInstanceIdentifier(NAME)));
      rds.deleteDBSubnetGroup(request -> request.dbSubnetGroupName(NAME));
    }
  }

  private static void roles() {
    try (IamClient iam = IamClient.builder().region(software.amazon.awssdk.regions.Region.AWS_GLOBAL).build(); StsClient sts = StsClient.create()) {
      String account = sts.getCallerIdentity().account();
      String trust = "{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Principal\":{\"AWS\":\"" + account + "\"},\"Action\":\"sts:AssumeRole\"}}";
      String arn = iam.createRole(request -> request.roleName(NAME).assumeRolePolicyDocument(trust)).role().arn();
      iam.waiter().waitUntilRoleExists(request -> request.roleName(NAME));
      iam.putRolePolicy(request -> request.roleName(NAME).policyName("list")
          .policyDocument("{\"Version\":\"2012-10-17\",\"Statement\":{\"Effect\":\"Allow\",\"Action\":\"ecs:ListClusters\",\"Resource\":\"*\"}}"));
      var got = sts.assumeRole(request -> request.roleArn(arn).roleSessionName("journey")).credentials();
      var own = StaticCredentialsProvider.create(AwsSessionCredentials.create(got.accessKeyId(), got.secretAccessKey(), got.sessionToken()));
      var bad = StaticCredentialsProvider.create(AwsSessionCredentials.create(got.accessKeyId(), got.secretAccessKey(), "nonsense"));
      try (EcsClient ecs = EcsClient.builder().credentialsProvider(own).build(); S3Client s3 = S3Client.builder().credentialsProvider(own).build();
          EcsClient refused = EcsClient.builder().credentialsProvider(bad).build()) {
        ecs.listClusters();
        same(codeOf(() -> ecs.createCluster(request -> request.clusterName("x"))), "AccessDeniedException");
        same(codeOf(s3::listBuckets), "AccessDenied");
        same(codeOf(refused::listClusters), "UnrecognizedClientException");
      }
      iam.deleteRolePolicy(request -> request.roleName(NAME).policyName("list"));
      iam.deleteRole(request -> request.roleName(NAME));
      raises(NoSuchEntityException.class, () -> iam.getRole(request -> request.roleName(NAME)));
    }
  }

  private interface Journey {
    void run() throws Exception;
  }

  /** Runs them all, one after the other; prints the name of each that went well. */
  public static void main(String[] arguments) throws Exception {
    Map<String, Journey> journeys = new LinkedHashMap<>();
    journeys.put("cluster_task_logs", Journeys::clusterTaskLogs);
    journeys.put("bucket_object_presigned", Journeys::bucketObjectPresigned);
    journeys.put("repository_push", Journeys::repositoryPush);
    journeys.put("load_balancer", Journeys::loadBalancer);
    journeys.put("database", Journeys::database);
    journeys.put("roles", Journeys::roles);
    for (Map.Entry<String, Journey> journey : journeys.entrySet()) {
      journey.getValue().run();
      System.out.println(journey.getKey());
    }
  }
}
