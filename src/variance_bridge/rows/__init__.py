"""What a plugin reads answers and their rows with: exact values, the members of an object, and a count in which no row gets lost."""

from variance_bridge.clock import http_date
from variance_bridge.rows.collect import CLOSED, Closed, Collected, collect
from variance_bridge.rows.exchange_rates import exchange_rates
from variance_bridge.rows.holdings import holding
from variance_bridge.rows.instruments import listed_option
from variance_bridge.rows.members import Members
from variance_bridge.rows.response_body import body_of, json_of, list_of, object_of
from variance_bridge.rows.values import RowRejected, day, moment, number, side_of, word

__all__ = [
    "CLOSED",
    "Closed",
    "Collected",
    "Members",
    "RowRejected",
    "body_of",
    "collect",
    "day",
    "exchange_rates",
    "holding",
    "http_date",
    "json_of",
    "list_of",
    "listed_option",
    "moment",
    "number",
    "object_of",
    "side_of",
    "word",
]
