{{ config(materialized='table', cluster_by=['carrier'], labels={'of': 'suite'}) }}
SELECT carrier, COUNT(*) AS flights, AVG(delay) AS mean_delay FROM {{ ref('flights') }} GROUP BY carrier
