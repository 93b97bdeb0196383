{{ config(materialized='view') }}
SELECT id, carrier, day, delay FROM {{ ref('flights') }} WHERE delay > 0
