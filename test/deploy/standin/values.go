package main

import (
	"math/big"
	"regexp"
	"strings"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

func asNumber(v tftypes.Value) (float64, bool) {
	var number big.Float
	if !v.Type().Is(tftypes.Number) || v.As(&number) != nil {
		return 0, false
	}
	out, _ := number.Float64()
	return out, true
}

func asObject(v tftypes.Value) (map[string]tftypes.Value, bool) {
	fields := map[string]tftypes.Value{}
	if v.IsNull() || !v.IsKnown() || v.As(&fields) != nil {
		return nil, false
	}
	return fields, true
}

// The elements of a list or set of blocks, and a single block as one.
func asElements(v tftypes.Value) []tftypes.Value {
	var elements []tftypes.Value
	if v.IsNull() || !v.IsKnown() {
		return nil
	}
	if v.As(&elements) != nil {
		return []tftypes.Value{v}
	}
	return elements
}

// What the real provider computes: unknown in a plan, made up when applied.
type maker func(name string, t tftypes.Type, fields map[string]tftypes.Value) tftypes.Value

func fill(b *tfprotov5.SchemaBlock, v tftypes.Value, name string, make maker) tftypes.Value {
	fields, ok := asObject(v)
	if !ok {
		return v
	}
	for _, a := range b.Attributes {
		if field := fields[a.Name]; a.Computed && (field.IsNull() || !field.IsKnown()) {
			fields[a.Name] = make(name+"."+a.Name, a.Type, fields)
		}
	}
	for _, n := range b.BlockTypes {
		field := fields[n.TypeName]
		if field.IsNull() || !field.IsKnown() || n.Nesting == tfprotov5.SchemaNestedBlockNestingModeSingle {
			continue
		}
		elements := asElements(field)
		for i := range elements {
			elements[i] = fill(n.Block, elements[i], name+"."+n.TypeName, make)
		}
		fields[n.TypeName] = tftypes.NewValue(field.Type(), elements)
	}
	return tftypes.NewValue(v.Type(), fields)
}

func unknown(_ string, t tftypes.Type, _ map[string]tftypes.Value) tftypes.Value {
	return tftypes.NewValue(t, tftypes.UnknownValue)
}

var placeholder = regexp.MustCompile(`\{(\w+)\}`)

// Writes "{name}" of a template from the resource's own attributes, else from `others`.
func expand(template string, fields map[string]tftypes.Value, others map[string]string) string {
	return placeholder.ReplaceAllStringFunc(template, func(match string) string {
		key := match[1 : len(match)-1]
		var text string
		field, ok := fields[key]
		if ok && field.IsKnown() && !field.IsNull() && field.As(&text) == nil {
			return text
		}
		return others[key]
	})
}

func empty(t tftypes.Type) tftypes.Value {
	switch {
	case t.Is(tftypes.Number):
		return tftypes.NewValue(t, 0)
	case t.Is(tftypes.Bool):
		return tftypes.NewValue(t, false)
	case t.Is(tftypes.List{}), t.Is(tftypes.Set{}):
		return tftypes.NewValue(t, []tftypes.Value{})
	case t.Is(tftypes.Map{}):
		return tftypes.NewValue(t, map[string]tftypes.Value{})
	}
	return tftypes.NewValue(t, nil)
}

// A known value as what encoding/json writes.
func toJSON(v tftypes.Value) any {
	if v.IsNull() {
		return nil
	}
	var (
		text     string
		yes      bool
		fields   map[string]tftypes.Value
		elements []tftypes.Value
	)
	if number, ok := asNumber(v); ok {
		return number
	}
	switch {
	case v.As(&text) == nil:
		return text
	case v.As(&yes) == nil:
		return yes
	case v.As(&fields) == nil:
		out := map[string]any{}
		for key, field := range fields {
			out[key] = toJSON(field)
		}
		return out
	case v.As(&elements) == nil:
		out := []any{}
		for _, element := range elements {
			out = append(out, toJSON(element))
		}
		return out
	}
	return nil
}

// What tells one resource of a kind from another: its texts in the order of their names.
func describe(fields map[string]tftypes.Value) string {
	out := ""
	for _, key := range sortedKeys(fields) {
		var text string
		field := fields[key]
		if field.IsKnown() && !field.IsNull() && field.Type().Is(tftypes.String) && field.As(&text) == nil && len(text) < 200 {
			out += "/" + text
		}
	}
	return out
}

func lastOf(name string) string { return name[strings.LastIndex(name, ".")+1:] }
