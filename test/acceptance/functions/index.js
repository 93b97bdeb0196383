// Functions as one writes them for Cloud Run functions: nothing here knows Afluente.
const functions = require('@google-cloud/functions-framework');

functions.http('rows', (request, response) => {
  const message = request.body.message;
  const event = JSON.parse(Buffer.from(message.data, 'base64').toString());
  if (event.fail) return response.status(500).send('told to fail');
  if (event.drop) return response.json([]);
  response.json(event.names.map((name, line) => ({id: event.id, line, name,
                                                  kind: (message.attributes || {}).kind})));
});

functions.cloudEvent('keep', event => {
  const data = JSON.parse(Buffer.from(event.data.message.data, 'base64').toString());
  require('fs').appendFileSync(process.env.KEPT, JSON.stringify(
      {id: data.id, type: event.type, source: event.source, event: event.id}) + '\n');
});
