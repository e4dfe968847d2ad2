#!/bin/bash
# The journeys by the AWS CLI: $JOURNEY_AWS is the program, of version 1 or 2.
set -euo pipefail
NAME="$JOURNEY_NAME"
here="$(dirname "$0")"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
# Version 2 of Debian is older than AWS_ENDPOINT_URL: the option says the same.
aws() { command "$JOURNEY_AWS" --endpoint-url "$AWS_ENDPOINT_URL" "$@"; }
# What the program says of a call that is refused.
refusal() { aws "$@" 2>&1 >/dev/null | sed -n 's/.*An error occurred (\([A-Za-z.]*\)).*/\1/p'; }
same() { [ "$1" = "$2" ] || { echo "expected $2, got $1" >&2; exit 1; }; }

cluster_task_logs() {
  aws ecs create-cluster --cluster-name "$NAME" >/dev/null
  for index in 1 2 3; do aws logs create-log-group --log-group-name "/$NAME/$index"; done
  cat >"$work/task.json" <<JSON
{ "family": "$NAME", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "cpu": "256", "memory": "512",
  "executionRoleArn": "$JOURNEY_EXECUTION_ROLE",
  "containerDefinitions": [{ "name": "main", "image": "busybox:latest", "command": ["sh", "-c", "echo hello from $NAME"],
    "logConfiguration": { "logDriver": "awslogs", "options": { "awslogs-group": "/$NAME/1", "awslogs-region": "eu-south-1", "awslogs-stream-prefix": "t" } } }] }
JSON
  aws ecs register-task-definition --cli-input-json "file://$work/task.json" >/dev/null
  task="$(aws ecs run-task --cluster "$NAME" --task-definition "$NAME" --launch-type FARGATE --query 'tasks[0].taskArn' --output text \
    --network-configuration "awsvpcConfiguration={subnets=[$JOURNEY_SUBNETS],securityGroups=[$JOURNEY_GROUP]}")"
  # The waiter looks every six seconds; the first look is best made once there is something to see.
  for _ in $(seq 100); do [ "$(aws ecs describe-tasks --cluster "$NAME" --tasks "$task" --query 'tasks[0].lastStatus' --output text)" = STOPPED ] && break; done
  aws ecs wait tasks-stopped --cluster "$NAME" --tasks "$task"
  said="$(aws logs get-log-events --log-group-name "/$NAME/1" --log-stream-name "t/main/${task##*/}" --query 'events[].message' --output text)"
  same "$said" "hello from $NAME"
  same "$(aws logs describe-log-groups --log-group-name-prefix "/$NAME/" --page-size 2 --query 'length(logGroups)' --output text | paste -sd+ | bc)" 3
  same "$(refusal ecs describe-tasks --cluster nowhere --tasks "$task")" ClusterNotFoundException
  for index in 1 2 3; do aws logs delete-log-group --log-group-name "/$NAME/$index"; done
  aws ecs deregister-task-definition --task-definition "$NAME:1" >/dev/null
  aws ecs delete-cluster --cluster "$NAME" >/dev/null
}

bucket_object_presigned() {
  head -c 9000000 /dev/urandom >"$work/file"
  aws s3 mb "s3://$NAME" >/dev/null
  aws s3api wait bucket-exists --bucket "$NAME"
  aws s3 cp --only-show-errors "$work/file" "s3://$NAME/a/ä b"
  curl -sf "$(aws s3 presign "s3://$NAME/a/ä b")" -o "$work/copy"
  cmp "$work/file" "$work/copy"
  # As many files as the test says; where there are many, as many as a real tree has.
  mkdir "$work/tree"
  files="${JOURNEY_FILES:-20}"
  (cd "$work/tree" && for index in $(seq "$files"); do echo "$index" >"$index"; done)
  aws s3 sync --only-show-errors "$work/tree" "s3://$NAME/tree/"
  aws s3 sync --only-show-errors "s3://$NAME/tree/" "$work/back"
  diff -r "$work/tree" "$work/back"
  same "$(aws s3api list-objects-v2 --bucket "$NAME" --page-size 7 --max-items 21 --query 'length(Contents)' --output text | paste -sd+ | bc)" 21
  same "$(aws s3 sync "$work/tree" "s3://$NAME/tree/")" ""
  same "$(aws s3api list-objects-v2 --bucket "$NAME" --query 'length(Contents)')" "$((files + 1))"
  same "$(refusal s3api get-object --bucket "$NAME" --key nothing "$work/none")" NoSuchKey
  # A client of another region is sent to the bucket's own, and goes there by itself.
  AWS_REGION=us-west-2 AWS_DEFAULT_REGION=us-west-2 command "$JOURNEY_AWS" --endpoint-url "$AWS_ENDPOINT_URL" s3 ls "s3://$NAME/tree/1" >/dev/null
  # Most by a thousand at once, and the rest by as many calls as there are objects.
  while [ "$files" -gt 1000 ]; do
    aws s3api list-objects-v2 --bucket "$NAME" --prefix tree/ --no-paginate --query '{Quiet: `true`, Objects: Contents[].{Key: Key}}' >"$work/thousand"
    same "$(aws s3api delete-objects --bucket "$NAME" --delete "file://$work/thousand" --query 'length(Errors || `[]`)')" 0
    files=$((files - 1000))
  done
  aws s3 rb --force "s3://$NAME" >/dev/null
  aws s3api wait bucket-not-exists --bucket "$NAME"
}

repository_push() {
  uri="$(aws ecr create-repository --repository-name "$NAME" --query repository.repositoryUri --output text)"
  aws ecr get-login-password | "$here/push.sh" "$uri:1"
  same "$(aws ecr describe-images --repository-name "$NAME" --query 'imageDetails[0].imageTags[0]' --output text)" 1
  same "$(refusal ecr delete-repository --repository-name "$NAME")" RepositoryNotEmptyException
  aws ecr delete-repository --repository-name "$NAME" --force >/dev/null
}

load_balancer() {
  arn="$(aws elbv2 create-load-balancer --name "$NAME" --subnets ${JOURNEY_PUBLIC_SUBNETS//,/ } --security-groups "$JOURNEY_GROUP" --query 'LoadBalancers[0].LoadBalancerArn' --output text)"
  aws elbv2 wait load-balancer-available --load-balancer-arns "$arn"
  target="$(aws elbv2 create-target-group --name "$NAME" --protocol HTTP --port 80 --vpc-id "$JOURNEY_VPC" --target-type ip --query 'TargetGroups[0].TargetGroupArn' --output text)"
  listener="$(aws elbv2 create-listener --load-balancer-arn "$arn" --protocol HTTP --port 80 --default-actions "Type=forward,TargetGroupArn=$target" --query 'Listeners[0].ListenerArn' --output text)"
  aws elbv2 create-rule --listener-arn "$listener" --priority 5 --conditions 'Field=path-pattern,Values=/x/*' --actions "Type=forward,TargetGroupArn=$target" >/dev/null
  same "$(aws elbv2 describe-rules --listener-arn "$listener" --query 'length(Rules)')" 2
  same "$(refusal elbv2 describe-load-balancers --names nowhere)" LoadBalancerNotFound
  aws elbv2 delete-load-balancer --load-balancer-arn "$arn"
  while [ -z "$(refusal elbv2 describe-load-balancers --load-balancer-arns "$arn")" ]; do :; done
  aws elbv2 wait load-balancers-deleted --load-balancer-arns "$arn"
  aws elbv2 delete-target-group --target-group-arn "$target"
}

database() {
  aws rds create-db-subnet-group --db-subnet-group-name "$NAME" --db-subnet-group-description "$NAME" --subnet-ids ${JOURNEY_SUBNETS//,/ } >/dev/null
  aws rds create-db-instance --db-instance-identifier "$NAME" --db-instance-class db.t3.micro --engine mysql --allocated-storage 20 --master-username admin \
    --master-user-password sesame-sesame --db-subnet-group-name "$NAME" --vpc-security-group-ids "$JOURNEY_GROUP" >/dev/null
  for _ in $(seq 100); do [ "$(aws rds describe-db-instances --db-instance-identifier "$NAME" --query 'DBInstances[0].DBInstanceStatus' --output text)" = available ] && break; done
  aws rds wait db-instance-available --db-instance-identifier "$NAME"
  same "$(aws rds describe-db-instances --db-instance-identifier "$NAME" --query 'DBInstances[0].Endpoint.Port')" 3306
  aws rds delete-db-instance --db-instance-identifier "$NAME" --skip-final-snapshot >/dev/null
  for _ in $(seq 100); do [ -n "$(refusal rds describe-db-instances --db-instance-identifier "$NAME")" ] && break; done
  aws rds wait db-instance-deleted --db-instance-identifier "$NAME"
  same "$(refusal rds describe-db-instances --db-instance-identifier "$NAME")" DBInstanceNotFound
  aws rds delete-db-subnet-group --db-subnet-group-name "$NAME"
}

roles() {
  account="$(aws sts get-caller-identity --query Account --output text)"
  trust='{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"'"$account"'"},"Action":"sts:AssumeRole"}}'
  arn="$(aws iam create-role --role-name "$NAME" --assume-role-policy-document "$trust" --query Role.Arn --output text)"
  aws iam wait role-exists --role-name "$NAME"
  aws iam put-role-policy --role-name "$NAME" --policy-name list --policy-document '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"ecs:ListClusters","Resource":"*"}}'
  read -r key secret token < <(aws sts assume-role --role-arn "$arn" --role-session-name journey --query 'Credentials.[AccessKeyId,SecretAccessKey,SessionToken]' --output text)
  as() (export AWS_ACCESS_KEY_ID="$key" AWS_SECRET_ACCESS_KEY="$secret" AWS_SESSION_TOKEN="$1"; shift; "$@")
  as "$token" aws ecs list-clusters >/dev/null
  same "$(as "$token" refusal ecs create-cluster --cluster-name x)" AccessDeniedException
  same "$(as "$token" refusal s3api list-buckets)" AccessDenied
  same "$(as nonsense refusal ecs list-clusters)" UnrecognizedClientException
  same "$(as nonsense refusal s3api list-buckets)" InvalidToken
  aws iam delete-role-policy --role-name "$NAME" --policy-name list
  aws iam delete-role --role-name "$NAME"
  same "$(refusal iam get-role --role-name "$NAME")" NoSuchEntity
}

for journey in cluster_task_logs bucket_object_presigned repository_push load_balancer database roles; do
  "$journey"
  echo "$journey"
done
