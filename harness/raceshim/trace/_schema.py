# SPDX-License-Identifier: BSD-2-Clause
"""The part of Perfetto's format that is read here; `tests/py/test_trace_read.py` compares it.

Packets have many more kinds of content, of other producers; protobuf passes over what is not in the
table.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

from raceshim._messages import message_class

if TYPE_CHECKING:
    from google.protobuf.message import Message

PACKAGE = "perfetto.protos"
_INTERNED = ((1, "iid", "uint64"), (2, "name", "bytes"))
MESSAGES = {
    "TracePacket": (
        (6, "clock_snapshot", "ClockSnapshot"),
        (8, "timestamp", "uint64"),
        (10, "trusted_packet_sequence_id", "uint32"),
        (11, "track_event", "TrackEvent"),
        (12, "interned_data", "InternedData"),
        (13, "sequence_flags", "uint32"),
        (41, "incremental_state_cleared", "bool"),
        (42, "previous_packet_dropped", "uint32"),
        (50, "compressed_packets", "bytes"),
        (58, "timestamp_clock_id", "uint32"),
        (59, "trace_packet_defaults", "TracePacketDefaults"),
        (60, "track_descriptor", "TrackDescriptor"),
        (66, "perf_sample", "PerfSample"),
    ),
    "ClockSnapshot": ((1, "clocks", "*Clock"), (2, "primary_trace_clock", "int32")),
    "Clock": (
        (1, "clock_id", "uint32"),
        (2, "timestamp", "uint64"),
        (3, "is_incremental", "bool"),
        (4, "unit_multiplier_ns", "uint64"),
    ),
    "TracePacketDefaults": (
        (11, "track_event_defaults", "TrackEventDefaults"),
        (58, "timestamp_clock_id", "uint32"),
    ),
    "TrackEventDefaults": ((11, "track_uuid", "uint64"),),
    "TrackDescriptor": (
        (1, "uuid", "uint64"),
        (2, "name", "bytes"),
        (3, "process", "ProcessDescriptor"),
        (4, "thread", "ThreadDescriptor"),
        (5, "parent_uuid", "uint64"),
        (8, "counter", "CounterDescriptor"),
        (10, "static_name", "bytes"),
        (13, "atrace_name", "bytes"),
    ),
    "ProcessDescriptor": (
        (1, "pid", "int32"),
        (2, "cmdline", "*bytes"),
        (6, "process_name", "bytes"),
    ),
    "ThreadDescriptor": ((1, "pid", "int32"), (2, "tid", "int64"), (5, "thread_name", "bytes")),
    "CounterDescriptor": (
        (4, "unit_multiplier", "int64"),
        (5, "is_incremental", "bool"),
        (6, "unit_name", "bytes"),
    ),
    "TrackEvent": (
        (3, "category_iids", "*uint64"),
        (4, "debug_annotations", "*DebugAnnotation"),
        (9, "type", "int32"),
        (10, "name_iid", "uint64"),
        (11, "track_uuid", "uint64"),
        (21, "log_message", "LogMessage"),
        (22, "categories", "*bytes"),
        (23, "name", "bytes"),
        (30, "counter_value", "int64"),
        (36, "flow_ids_old", "*uint64"),
        (42, "terminating_flow_ids_old", "*uint64"),
        (44, "double_counter_value", "double"),
        (47, "flow_ids", "*fixed64"),
        (48, "terminating_flow_ids", "*fixed64"),
    ),
    "LogMessage": ((2, "body_iid", "uint64"), (3, "prio", "int32")),
    "DebugAnnotation": (
        (1, "name_iid", "uint64"),
        (2, "bool_value", "bool"),
        (3, "uint_value", "uint64"),
        (4, "int_value", "int64"),
        (5, "double_value", "double"),
        (6, "string_value", "bytes"),
        (7, "pointer_value", "uint64"),
        (9, "legacy_json_value", "bytes"),
        (10, "name", "bytes"),
        (11, "dict_entries", "*DebugAnnotation"),
        (12, "array_values", "*DebugAnnotation"),
        (17, "string_value_iid", "uint64"),
    ),
    "InternedData": (
        (1, "event_categories", "*EventCategory"),
        (2, "event_names", "*EventName"),
        (3, "debug_annotation_names", "*DebugAnnotationName"),
        (5, "function_names", "*InternedString"),
        (6, "frames", "*Frame"),
        (7, "callstacks", "*Callstack"),
        (17, "mapping_paths", "*InternedString"),
        (19, "mappings", "*Mapping"),
        (20, "log_message_body", "*LogMessageBody"),
        (29, "debug_annotation_string_values", "*InternedString"),
    ),
    "EventCategory": _INTERNED,
    "EventName": _INTERNED,
    "DebugAnnotationName": _INTERNED,
    "LogMessageBody": ((1, "iid", "uint64"), (2, "body", "bytes")),
    "Frame": (
        (1, "iid", "uint64"),
        (2, "function_name_id", "uint64"),
        (3, "mapping_id", "uint64"),
        (4, "rel_pc", "uint64"),
    ),
    "Callstack": ((1, "iid", "uint64"), (2, "frame_ids", "*uint64")),
    "Mapping": ((1, "iid", "uint64"), (5, "end", "uint64"), (7, "path_string_ids", "*uint64")),
    "PerfSample": (
        (2, "pid", "uint32"),
        (3, "tid", "uint32"),
        (4, "callstack_iid", "uint64"),
        (5, "cpu_mode", "int32"),
    ),
    "InternedString": ((1, "iid", "uint64"), (2, "str", "bytes")),
}


@functools.cache
def packet_class() -> type[Message]:
    """Return the class of a packet; a trace is packets, each as field 1."""
    return message_class(PACKAGE, MESSAGES, "TracePacket", presence=True)
