// The stand-in for Terraform's google provider: it serves a schema file, plans what the real one
// would have to compute as unknown, and keeps what was applied in a folder instead of a cloud. It
// makes no network call. The environment names the three things it needs:
// AFLUENTE_STANDIN_ADDRESS (the provider's address as the CLI spells it), AFLUENTE_STANDIN_SCHEMA
// (what extract_schema.mjs wrote) and AFLUENTE_STANDIN_WORLD (the folder that plays the cloud).
package main

import (
	"log"
	"os"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tfprotov5/tf5server"
)

func main() {
	schema, err := loadSchema(os.Getenv("AFLUENTE_STANDIN_SCHEMA"))
	if err != nil {
		log.Fatal(err)
	}
	cloud, err := openWorld(os.Getenv("AFLUENTE_STANDIN_WORLD"))
	if err != nil {
		log.Fatal(err)
	}
	server := newProvider(schema, cloud)
	err = tf5server.Serve(os.Getenv("AFLUENTE_STANDIN_ADDRESS"),
		func() tfprotov5.ProviderServer { return server })
	if err != nil {
		log.Fatal(err)
	}
}
