// An OpenID provider with one confidential client, for tests: node provider.mjs PORT REDIRECT.
// Its development pages sign in whoever names an account, which is the email.
import Provider from "oidc-provider";

const [port, redirect] = process.argv.slice(2);
const issuer = `http://127.0.0.1:${port}`;
const provider = new Provider(issuer, {
  clients: [{client_id: "web-client", client_secret: "web-secret", redirect_uris: [redirect],
             grant_types: ["authorization_code"], response_types: ["code"],
             token_endpoint_auth_method: "client_secret_post"}],
  claims: {openid: ["sub", "groups"], email: ["email", "email_verified"]},
  conformIdTokenClaims: false,
  pkce: {methods: ["S256"], required: () => true},
  findAccount: (context, id) => ({
    accountId: id,
    claims: () => ({sub: id, email: id, email_verified: true, groups: ["analysts@ltm.example"]}),
  }),
});
provider.listen(Number(port), "127.0.0.1", () => console.log("ready"));
