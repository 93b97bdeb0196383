"""The pipeline that the console's tests look at."""
import base64
import json

from instance import wait_until

SPEC = """
project: shop
topics:
  Orders: {message_retention_duration: 86400s}
  Returns: {}
subscriptions:
  audit: {topic: Orders}
datasets:
  sales:
    tables:
      orders:
        description: A row for each order.
        schema:
          - {name: order_id, type: INT64, mode: REQUIRED, description: Number of the order}
          - {name: customer, type: STRING, mode: REQUIRED}
          - {name: amount, type: FLOAT64}
          - {name: day, type: DATE}
        time_partitioning: {type: DAY, field: day}
functions:
  store:
    topic: Orders
    filter: 'NOT attributes:test'
    table: sales.orders
endpoints:
  "/customers/{customer}":
    summary: Orders of one customer
    sql: customer.sql
    parameters: {customer: STRING}
  "/totals":
    summary: Orders and their amount
    sql: totals.sql
"""
FILES = {
    "customer.sql": "SELECT order_id, amount, day FROM sales.orders WHERE customer = @customer ORDER BY order_id\n",
    "totals.sql": "SELECT COUNT(*) AS orders, SUM(amount) AS amount FROM sales.orders\n",
}
STORED, FAILED = 40, 3
CUSTOMERS = ("ana", "luis", "eva", "marta")


class Orders:
    def __init__(self, instance):
        self.instance = instance

    def publish(self, *messages, topic="Orders", **attributes):
        body = {"messages": [{"data": base64.b64encode(
            (m if isinstance(m, str) else json.dumps(m)).encode()).decode(), "attributes": attributes or {"kind": "order"}}
            for m in messages]}
        answer = self.instance.rest("POST", f"projects/shop/topics/{topic}:publish", body)
        assert answer.status_code == 200, answer.text
        return answer.json()["messageIds"]

    def fill(self):
        good = [{"order_id": i, "customer": CUSTOMERS[i % 4], "amount": 10.5 + i, "day": f"2026-11-{i % 20 + 1:02}"}
                for i in range(STORED)]
        self.publish(*good)
        self.failed = self.publish({"order_id": "seven", "customer": "ana"}, {"order_id": 901}, {"order_id": 902})
        self.instance.drain()
        wait_until(lambda: len(self.instance.dead_letters("sales")) == FAILED, 60, "the dead letters")
