package main

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// A rule of the real provider that no schema carries.
type rule struct {
	Pattern string   `json:"pattern"`
	Minimum *float64 `json:"minimum"`
	Maximum *float64 `json:"maximum"`
}

func (r rule) finding(value tftypes.Value) string {
	var text string
	if value.Type().Is(tftypes.String) && value.As(&text) == nil && r.Pattern != "" &&
		!regexp.MustCompile(r.Pattern).MatchString(text) {
		return fmt.Sprintf("%q does not match %s", text, r.Pattern)
	}
	number, ok := asNumber(value)
	if ok && (r.Minimum != nil && number < *r.Minimum || r.Maximum != nil && number > *r.Maximum) {
		return fmt.Sprintf("%v is out of range", number)
	}
	return ""
}

type checker struct {
	rules       map[string]rule
	diagnostics []*tfprotov5.Diagnostic
}

func (c *checker) refuse(at *tftypes.AttributePath, detail string) {
	c.diagnostics = append(c.diagnostics, &tfprotov5.Diagnostic{
		Severity: tfprotov5.DiagnosticSeverityError, Summary: "Value not allowed", Detail: detail, Attribute: at})
}

// Judges what is known: values outside a documented enumeration, and the overlay's rules.
func (c *checker) check(b block, value tftypes.Value, name string, at *tftypes.AttributePath) {
	fields, ok := asObject(value)
	if !ok {
		return
	}
	for key, a := range b.Attributes {
		field := fields[key]
		if field.IsNull() || !field.IsKnown() {
			continue
		}
		var text string
		if len(a.Enum) > 0 && field.As(&text) == nil && !slices.Contains(a.Enum, text) {
			c.refuse(at.WithAttributeName(key), fmt.Sprintf("%q is not one of %q", text, a.Enum))
		}
		if finding := c.rules[name+"."+key].finding(field); finding != "" {
			c.refuse(at.WithAttributeName(key), finding)
		}
	}
	for key, n := range b.BlockTypes {
		for i, element := range asElements(fields[key]) {
			inner := at.WithAttributeName(key)
			switch n.NestingMode {
			case "list":
				inner = inner.WithElementKeyInt(i)
			case "set":
				inner = inner.WithElementKeyValue(element)
			}
			c.check(n.Block, element, name+"."+key, inner)
		}
	}
}
