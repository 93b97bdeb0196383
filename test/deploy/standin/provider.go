package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/hashicorp/terraform-plugin-go/tfprotov5"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// The provider of the protocol's version 5. Calls that Terraform does not make of it (functions,
// ephemeral resources, actions) are the embedded nil interface's and would panic.
type provider struct {
	tfprotov5.ProviderServer
	file     *schemaFile
	cloud    *world
	response *tfprotov5.GetProviderSchemaResponse
	project  string
	region   string
}

func newProvider(file *schemaFile, cloud *world) *provider {
	return &provider{file: file, cloud: cloud, response: &tfprotov5.GetProviderSchemaResponse{
		Provider:           &tfprotov5.Schema{Block: file.Provider.Block.toProtocol()},
		ResourceSchemas:    toProtocol(file.Resources),
		DataSourceSchemas:  toProtocol(file.Data),
		ServerCapabilities: &tfprotov5.ServerCapabilities{GetProviderSchemaOptional: true},
	}}
}

func (p *provider) GetMetadata(context.Context, *tfprotov5.GetMetadataRequest) (*tfprotov5.GetMetadataResponse, error) {
	out := &tfprotov5.GetMetadataResponse{ServerCapabilities: p.response.ServerCapabilities}
	for _, name := range sortedKeys(p.file.Resources) {
		out.Resources = append(out.Resources, tfprotov5.ResourceMetadata{TypeName: name})
	}
	for _, name := range sortedKeys(p.file.Data) {
		out.DataSources = append(out.DataSources, tfprotov5.DataSourceMetadata{TypeName: name})
	}
	return out, nil
}

func (p *provider) GetProviderSchema(context.Context, *tfprotov5.GetProviderSchemaRequest) (*tfprotov5.GetProviderSchemaResponse, error) {
	return p.response, nil
}

func (p *provider) GetResourceIdentitySchemas(context.Context, *tfprotov5.GetResourceIdentitySchemasRequest) (*tfprotov5.GetResourceIdentitySchemasResponse, error) {
	return &tfprotov5.GetResourceIdentitySchemasResponse{}, nil
}

func (p *provider) PrepareProviderConfig(_ context.Context, r *tfprotov5.PrepareProviderConfigRequest) (*tfprotov5.PrepareProviderConfigResponse, error) {
	return &tfprotov5.PrepareProviderConfigResponse{PreparedConfig: r.Config}, nil
}

func (p *provider) ConfigureProvider(_ context.Context, r *tfprotov5.ConfigureProviderRequest) (*tfprotov5.ConfigureProviderResponse, error) {
	value, err := r.Config.Unmarshal(p.response.Provider.ValueType())
	if err != nil {
		return nil, err
	}
	if fields, ok := asObject(value); ok {
		p.project = expand("{project}", fields, nil)
		p.region = expand("{region}", fields, nil)
	}
	return &tfprotov5.ConfigureProviderResponse{}, nil
}

func (p *provider) StopProvider(context.Context, *tfprotov5.StopProviderRequest) (*tfprotov5.StopProviderResponse, error) {
	return &tfprotov5.StopProviderResponse{}, nil
}

func (p *provider) ValidateResourceTypeConfig(_ context.Context, r *tfprotov5.ValidateResourceTypeConfigRequest) (*tfprotov5.ValidateResourceTypeConfigResponse, error) {
	value, err := r.Config.Unmarshal(p.response.ResourceSchemas[r.TypeName].ValueType())
	if err != nil {
		return nil, err
	}
	c := checker{rules: p.file.overlay.Rules}
	c.check(p.file.Resources[r.TypeName].Block, value, r.TypeName, tftypes.NewAttributePath())
	return &tfprotov5.ValidateResourceTypeConfigResponse{Diagnostics: c.diagnostics}, nil
}

func (p *provider) ValidateDataSourceConfig(context.Context, *tfprotov5.ValidateDataSourceConfigRequest) (*tfprotov5.ValidateDataSourceConfigResponse, error) {
	return &tfprotov5.ValidateDataSourceConfigResponse{}, nil
}

func (p *provider) UpgradeResourceState(_ context.Context, r *tfprotov5.UpgradeResourceStateRequest) (*tfprotov5.UpgradeResourceStateResponse, error) {
	t := p.response.ResourceSchemas[r.TypeName].ValueType()
	value, err := r.RawState.Unmarshal(t)
	if err != nil {
		return nil, err
	}
	state, err := tfprotov5.NewDynamicValue(t, value)
	return &tfprotov5.UpgradeResourceStateResponse{UpgradedState: &state}, err
}

func (p *provider) UpgradeResourceIdentity(context.Context, *tfprotov5.UpgradeResourceIdentityRequest) (*tfprotov5.UpgradeResourceIdentityResponse, error) {
	return nil, errors.New("the stand-in keeps no identities")
}

func (p *provider) ReadResource(_ context.Context, r *tfprotov5.ReadResourceRequest) (*tfprotov5.ReadResourceResponse, error) {
	t := p.response.ResourceSchemas[r.TypeName].ValueType()
	state, err := r.CurrentState.Unmarshal(t)
	if err != nil {
		return nil, err
	}
	fields, ok := asObject(state)
	if !ok {
		return &tfprotov5.ReadResourceResponse{NewState: r.CurrentState, Private: r.Private}, nil
	}
	found, err := p.cloud.get(r.TypeName, expand("{id}", fields, nil), t, state)
	if err != nil {
		return nil, err
	}
	out, err := tfprotov5.NewDynamicValue(t, found)
	return &tfprotov5.ReadResourceResponse{NewState: &out, Private: r.Private}, err
}

func (p *provider) PlanResourceChange(_ context.Context, r *tfprotov5.PlanResourceChangeRequest) (*tfprotov5.PlanResourceChangeResponse, error) {
	schema := p.response.ResourceSchemas[r.TypeName]
	value, err := r.ProposedNewState.Unmarshal(schema.ValueType())
	if err != nil {
		return nil, err
	}
	planned, err := tfprotov5.NewDynamicValue(schema.ValueType(), fill(schema.Block, value, r.TypeName, unknown))
	return &tfprotov5.PlanResourceChangeResponse{PlannedState: &planned, PlannedPrivate: r.PriorPrivate}, err
}

func (p *provider) ApplyResourceChange(_ context.Context, r *tfprotov5.ApplyResourceChangeRequest) (*tfprotov5.ApplyResourceChangeResponse, error) {
	schema := p.response.ResourceSchemas[r.TypeName]
	t := schema.ValueType()
	planned, err := r.PlannedState.Unmarshal(t)
	if err != nil {
		return nil, err
	}
	if planned.IsNull() {
		prior, err := r.PriorState.Unmarshal(t)
		if err != nil {
			return nil, err
		}
		fields, _ := asObject(prior)
		return &tfprotov5.ApplyResourceChangeResponse{NewState: r.PlannedState},
			p.cloud.remove(r.TypeName, expand("{id}", fields, nil))
	}
	value := fill(schema.Block, planned, r.TypeName, p.invent)
	fields, _ := asObject(value)
	if err := p.cloud.put(r.TypeName, expand("{id}", fields, nil), value); err != nil {
		return nil, err
	}
	state, err := tfprotov5.NewDynamicValue(t, value)
	return &tfprotov5.ApplyResourceChangeResponse{NewState: &state}, err
}

func (p *provider) ReadDataSource(_ context.Context, r *tfprotov5.ReadDataSourceRequest) (*tfprotov5.ReadDataSourceResponse, error) {
	schema := p.response.DataSourceSchemas[r.TypeName]
	value, err := r.Config.Unmarshal(schema.ValueType())
	if err != nil {
		return nil, err
	}
	state, err := tfprotov5.NewDynamicValue(schema.ValueType(), fill(schema.Block, value, "data."+r.TypeName, p.invent))
	return &tfprotov5.ReadDataSourceResponse{State: &state}, err
}

func (p *provider) ImportResourceState(context.Context, *tfprotov5.ImportResourceStateRequest) (*tfprotov5.ImportResourceStateResponse, error) {
	return nil, errors.New("the stand-in imports nothing")
}

func (p *provider) MoveResourceState(context.Context, *tfprotov5.MoveResourceStateRequest) (*tfprotov5.MoveResourceStateResponse, error) {
	return nil, errors.New("the stand-in moves no state")
}

// Makes up what the cloud would have answered: by the overlay's template where there is one.
func (p *provider) invent(name string, t tftypes.Type, fields map[string]tftypes.Value) tftypes.Value {
	others := map[string]string{"project": p.project, "region": p.region, "location": p.region}
	if template, ok := p.file.overlay.Computed[name]; ok {
		return tftypes.NewValue(t, expand(template, fields, others))
	}
	if !t.Is(tftypes.String) {
		return empty(t)
	}
	switch lastOf(name) {
	case "project":
		return tftypes.NewValue(t, p.project)
	case "location", "region":
		return tftypes.NewValue(t, p.region)
	}
	return tftypes.NewValue(t, fmt.Sprintf("made-up:%s:%s", name, describe(fields)))
}
