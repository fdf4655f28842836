"""Reads OTLP in protobuf by the official definitions (opentelemetry-proto, protobuf, googleapis-common-protos), and makes answers.

Standard input: one JSON a line.
    {"signal": "traces", "body": BASE64}             -> the request as JSON, enums as numbers, bytes in hex
    {"answer": "traces", "rejected": 3}              -> {"body": BASE64}: Export...ServiceResponse
    {"status": 3, "message": "..."}                  -> {"body": BASE64}: google.rpc.Status
"""

import base64
import json
import sys

from google.protobuf.json_format import MessageToDict
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.logs.v1 import logs_service_pb2 as logs
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as trace

REQUESTS = {
    "traces": trace.ExportTraceServiceRequest,
    "metrics": metrics.ExportMetricsServiceRequest,
    "logs": logs.ExportLogsServiceRequest,
}
PARTIAL = {
    "traces": (trace.ExportTraceServiceResponse, "rejected_spans"),
    "metrics": (metrics.ExportMetricsServiceResponse, "rejected_data_points"),
    "logs": (logs.ExportLogsServiceResponse, "rejected_log_records"),
}
IDS = {"traceId", "spanId", "parentSpanId"}


def in_hex(value):
    if isinstance(value, list):
        return [in_hex(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        key: base64.b64decode(each).hex() if key in IDS and isinstance(each, str) else in_hex(each)
        for key, each in value.items()
    }


def unknown_fields(message):
    """What the official definitions don't know would be lost in silence."""
    from google.protobuf.unknown_fields import UnknownFieldSet

    count = len(UnknownFieldSet(message))
    for field, value in message.ListFields():
        if field.message_type is not None:
            count += sum(map(unknown_fields, value if field.is_repeated else [value]))
    return count


def answered(line):
    if "signal" in line:
        request = REQUESTS[line["signal"]]()
        request.ParseFromString(base64.b64decode(line["body"]))
        return {"unknown": unknown_fields(request), "request": in_hex(MessageToDict(request, use_integers_for_enums=True))}
    if "answer" in line:
        made, field = PARTIAL[line["answer"]]
        response = made()
        setattr(response.partial_success, field, line["rejected"])
        response.partial_success.error_message = "not these"
    else:
        response = Status(code=line["status"], message=line["message"])
    return {"body": base64.b64encode(response.SerializeToString()).decode()}


for line in sys.stdin:
    print(json.dumps(answered(json.loads(line))))
