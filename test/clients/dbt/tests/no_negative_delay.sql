SELECT * FROM {{ ref('late_flights') }} WHERE delay <= 0
