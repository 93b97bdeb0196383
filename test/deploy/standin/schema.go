package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

//go:embed overlay.json
var overlayText []byte

type attribute struct {
	Type      json.RawMessage `json:"type"`
	Optional  bool            `json:"optional"`
	Required  bool            `json:"required"`
	Computed  bool            `json:"computed"`
	Sensitive bool            `json:"sensitive"`
	Enum      []string        `json:"enum"`
}

type nestedBlock struct {
	NestingMode string `json:"nesting_mode"`
	Block       block  `json:"block"`
	MinItems    int64  `json:"min_items"`
	MaxItems    int64  `json:"max_items"`
}

type block struct {
	Attributes map[string]attribute   `json:"attributes"`
	BlockTypes map[string]nestedBlock `json:"block_types"`
}

type entry struct {
	Block block `json:"block"`
}

// What the extracted file does not say and the provider's documents do.
type overlay struct {
	Attributes map[string]map[string]attribute `json:"attributes"` // of a resource, newer than the file
	Rules      map[string]rule                 `json:"rules"`      // by "resource.attribute.path"
	Computed   map[string]string               `json:"computed"`   // "{name}" stands for an attribute
}

type schemaFile struct {
	Provider  entry            `json:"provider"`
	Resources map[string]entry `json:"resource_schemas"`
	Data      map[string]entry `json:"data_source_schemas"`
	overlay   overlay
}

func loadSchema(path string) (*schemaFile, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	file := &schemaFile{}
	if err := json.Unmarshal(text, file); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := json.Unmarshal(overlayText, &file.overlay); err != nil {
		return nil, fmt.Errorf("overlay.json: %w", err)
	}
	for resource, attributes := range file.overlay.Attributes {
		known, ok := file.Resources[resource]
		if !ok {
			return nil, fmt.Errorf("overlay.json: %s is not in the schema file", resource)
		}
		maps.Copy(known.Block.Attributes, attributes)
	}
	return file, nil
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func parseType(text json.RawMessage) tftypes.Type {
	parsed, err := tftypes.ParseJSONType(text) //nolint:staticcheck // the only parser there is
	if err != nil {
		panic(fmt.Sprintf("type %s: %v", text, err))
	}
	return parsed
}

func (b block) toProtocol() *tfprotov5.SchemaBlock {
	out := &tfprotov5.SchemaBlock{}
	for _, name := range sortedKeys(b.Attributes) {
		a := b.Attributes[name]
		out.Attributes = append(out.Attributes, &tfprotov5.SchemaAttribute{
			Name: name, Type: parseType(a.Type), Optional: a.Optional, Required: a.Required,
			Computed: a.Computed, Sensitive: a.Sensitive})
	}
	modes := map[string]tfprotov5.SchemaNestedBlockNestingMode{
		"single": tfprotov5.SchemaNestedBlockNestingModeSingle,
		"list":   tfprotov5.SchemaNestedBlockNestingModeList,
		"set":    tfprotov5.SchemaNestedBlockNestingModeSet,
	}
	for _, name := range sortedKeys(b.BlockTypes) {
		n := b.BlockTypes[name]
		out.BlockTypes = append(out.BlockTypes, &tfprotov5.SchemaNestedBlock{
			TypeName: name, Block: n.Block.toProtocol(), Nesting: modes[n.NestingMode],
			MinItems: n.MinItems, MaxItems: n.MaxItems})
	}
	return out
}

func toProtocol(entries map[string]entry) map[string]*tfprotov5.Schema {
	out := map[string]*tfprotov5.Schema{}
	for name, e := range entries {
		out[name] = &tfprotov5.Schema{Block: e.Block.toProtocol()}
	}
	return out
}
