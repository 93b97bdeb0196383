SELECT order_id, placed, customer, total FROM sales.orders WHERE order_id = @order_id
