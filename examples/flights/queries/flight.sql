SELECT
  carrier, flight, tailnum, origin, dest, sched_dep_time, dep_time, dep_delay,
  sched_arr_time, arr_time, arr_delay, air_time, distance
FROM air.flights
WHERE flight_date = @day AND carrier = @carrier AND flight = @flight
ORDER BY time_hour
