#!/bin/sh
# Queues and topics by a version of the AWS CLI: batches, long polling, a topic that delivers to a queue.
set -eu
# Neither takes the endpoint of SQS from the environment: version 1 has SQS's legacy names, which go first, and Debian's
# version 2 does not know the variable.
aws() { "$JOURNEY_AWS" --endpoint-url "$AWS_ENDPOINT_URL" --output text "$@"; }
fail() {
  echo "$1" >&2
  exit 1
}

queue=$(aws sqs create-queue --queue-name "$JOURNEY_NAME" --query QueueUrl)
[ "$(aws sqs get-queue-url --queue-name "$JOURNEY_NAME")" = "$queue" ] || fail "another URL"
sent=$(aws sqs send-message-batch --queue-url "$queue" --entries Id=a,MessageBody=one Id=b,MessageBody=two --query 'length(Successful)')
[ "$sent" = 2 ] || fail "sent: $sent"
(
  sleep 1
  aws sqs send-message --queue-url "$queue" --message-body three \
    --message-attributes '{"n":{"DataType":"Number","StringValue":"3"}}' > /dev/null
) &
count=0
while [ "$count" -lt 3 ]; do
  handle=$(aws sqs receive-message --queue-url "$queue" --wait-time-seconds 20 --message-attribute-names All --query 'Messages[0].ReceiptHandle')
  aws sqs delete-message --queue-url "$queue" --receipt-handle "$handle"
  count=$((count + 1))
done
wait

topic=$(aws sns create-topic --name "$JOURNEY_NAME" --query TopicArn)
arn=$(aws sqs get-queue-attributes --queue-url "$queue" --attribute-names QueueArn --query Attributes.QueueArn)
policy="{\\\"Version\\\":\\\"2012-10-17\\\",\\\"Statement\\\":[{\\\"Effect\\\":\\\"Allow\\\",\\\"Principal\\\":\\\"*\\\",\\\"Action\\\":\\\"sqs:SendMessage\\\",\\\"Resource\\\":\\\"$arn\\\",\\\"Condition\\\":{\\\"ArnEquals\\\":{\\\"aws:SourceArn\\\":\\\"$topic\\\"}}}]}"
aws sqs set-queue-attributes --queue-url "$queue" --attributes "{\"Policy\":\"$policy\"}"
aws sns subscribe --topic-arn "$topic" --protocol sqs --notification-endpoint "$arn" --attributes RawMessageDelivery=true > /dev/null
published=$(aws sns publish-batch --topic-arn "$topic" --publish-batch-request-entries Id=a,Message=four Id=b,Message=five --query 'length(Successful)')
[ "$published" = 2 ] || fail "published: $published"
bodies=""
for _ in 1 2; do
  bodies="$bodies $(aws sqs receive-message --queue-url "$queue" --wait-time-seconds 20 --query 'Messages[0].Body')"
done
case "$bodies" in
  " four five" | " five four") ;;
  *) fail "received: $bodies" ;;
esac
aws sns delete-topic --topic-arn "$topic"
aws sqs delete-queue --queue-url "$queue"
echo ok
