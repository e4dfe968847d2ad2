"""Queues and topics by boto3: batches, long polling, attributes, FIFO order, a topic that delivers to a queue."""

import json
import threading
import time

import boto3

sqs, sns = boto3.client("sqs"), boto3.client("sns")

queue = sqs.create_queue(QueueName="boto3")["QueueUrl"]
entries = [
    {"Id": str(n), "MessageBody": f"message {n}", "MessageAttributes": {"n": {"DataType": "Number", "StringValue": str(n)}}}
    for n in range(10)
]
# boto3 compares the MD5 sums of bodies and attributes, here and when it receives.
sent = sqs.send_message_batch(QueueUrl=queue, Entries=entries)
assert len(sent["Successful"]) == 10 and "Failed" not in sent, sent
found = {}
while len(found) < 10:
    answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=5, MessageAttributeNames=["All"], AttributeNames=["All"])
    for message in answer["Messages"]:
        found[message["Body"]] = message
assert {each["MessageAttributes"]["n"]["StringValue"] for each in found.values()} == {str(n) for n in range(10)}
handles = [{"Id": str(index), "ReceiptHandle": each["ReceiptHandle"]} for index, each in enumerate(found.values())]
assert len(sqs.change_message_visibility_batch(QueueUrl=queue, Entries=[{**each, "VisibilityTimeout": 60} for each in handles])["Successful"]) == 10
gone = sqs.delete_message_batch(QueueUrl=queue, Entries=[*handles[:9], {"Id": "wrong", "ReceiptHandle": "wrong"}])
assert len(gone["Successful"]) == 9 and [each["Code"] for each in gone["Failed"]] == ["ReceiptHandleIsInvalid"], gone
sqs.delete_message(QueueUrl=queue, ReceiptHandle=handles[9]["ReceiptHandle"])

# A receive that waits returns as soon as a message is there.
threading.Timer(1, lambda: sqs.send_message(QueueUrl=queue, MessageBody="late")).start()
start = time.monotonic()
late = sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=20)["Messages"]
assert late[0]["Body"] == "late" and 0.5 < time.monotonic() - start < 15
sqs.delete_message(QueueUrl=queue, ReceiptHandle=late[0]["ReceiptHandle"])
start = time.monotonic()
assert "Messages" not in sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1)
assert time.monotonic() - start >= 0.9

fifo = sqs.create_queue(QueueName="boto3.fifo", Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"})["QueueUrl"]
for body in ["first", "second", "first"]:
    sqs.send_message(QueueUrl=fifo, MessageBody=body, MessageGroupId="g")
ordered = sqs.receive_message(QueueUrl=fifo, MaxNumberOfMessages=10, AttributeNames=["MessageGroupId", "SequenceNumber"])["Messages"]
assert [each["Body"] for each in ordered] == ["first", "second"], ordered
assert "Messages" not in sqs.receive_message(QueueUrl=fifo), "the group is in flight"

topic = sns.create_topic(Name="boto3")["TopicArn"]
arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
allow = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage", "Resource": arn}
sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps({"Version": "2012-10-17", "Statement": [{**allow, "Condition": {"ArnEquals": {"aws:SourceArn": topic}}}]})})
subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"FilterPolicy": '{"kind":["a"]}'}, ReturnSubscriptionArn=True)["SubscriptionArn"]
of = lambda kind: {"kind": {"DataType": "String", "StringValue": kind}}
sns.publish(TopicArn=topic, Message="filtered", MessageAttributes=of("b"))
published = sns.publish_batch(
    TopicArn=topic, PublishBatchRequestEntries=[{"Id": str(n), "Message": f"notice {n}", "Subject": "s", "MessageAttributes": of("a")} for n in range(10)]
)
assert len(published["Successful"]) == 10
notices = set()
while len(notices) < 10:
    for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=10)["Messages"]:
        notices.add(json.loads(message["Body"])["Message"])
assert notices == {f"notice {n}" for n in range(10)}, notices
sns.unsubscribe(SubscriptionArn=subscription)
sns.delete_topic(TopicArn=topic)
for url in [queue, fifo]:
    sqs.purge_queue(QueueUrl=url)
    sqs.delete_queue(QueueUrl=url)
print("ok")
