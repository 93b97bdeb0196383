// Uses the generated types: a wrong path, parameter or column is an error of the compiler.
import createClient from "openapi-fetch";
import type { paths } from "./api";

const client = createClient<paths, "application/json">({ baseUrl: process.argv[2] });

async function main() {
  const ids: number[] = [];
  let cursor: string | undefined;
  do {
    const { data, error } = await client.GET("/readings", {
      params: { query: { page_size: 9, order_by: ["-id"], fields: ["id", "name"], cursor } },
    });
    if (!data) throw new Error(JSON.stringify(error));
    for (const row of data.rows) if (typeof row.id === "number") ids.push(row.id);
    cursor = data.next_cursor ?? undefined;
  } while (cursor);
  const refused = await client.GET("/limited/{id}", { params: { path: { id: 99 }, query: { fields: ["id"] } } });
  console.log(JSON.stringify({ ids, status: refused.response.status }));
}

main();
