SELECT MAX(n) AS seen FROM ds.fresh
