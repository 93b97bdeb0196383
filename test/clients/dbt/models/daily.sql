{{ config(materialized='incremental', unique_key='day', partition_by={'field': 'day', 'data_type': 'date'}) }}
SELECT day, COUNT(*) AS flights, {{ var('note', "'first'") }} AS note FROM {{ ref('flights') }}
{% if is_incremental() %} WHERE day >= (SELECT MAX(day) FROM {{ this }}) {% endif %}
GROUP BY day
