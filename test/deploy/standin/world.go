package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// The folder that plays the cloud: one JSON file for each resource, which tests may edit as a
// person with the console would. Without a folder nothing is kept and reading gives the state back.
type world struct{ folder string }

func openWorld(folder string) (*world, error) {
	if folder == "" {
		return &world{}, nil
	}
	return &world{folder}, os.MkdirAll(folder, 0o755)
}

func (w *world) path(resource, id string) string {
	sum := sha256.Sum256([]byte(id))
	return filepath.Join(w.folder, resource+"."+hex.EncodeToString(sum[:6])+".json")
}

func (w *world) put(resource, id string, value tftypes.Value) error {
	if w.folder == "" {
		return nil
	}
	text, err := json.MarshalIndent(toJSON(value), "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(w.path(resource, id), text, 0o644)
}

func (w *world) remove(resource, id string) error {
	if w.folder == "" {
		return nil
	}
	err := os.Remove(w.path(resource, id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Null when the resource is gone.
func (w *world) get(resource, id string, t tftypes.Type, state tftypes.Value) (tftypes.Value, error) {
	if w.folder == "" {
		return state, nil
	}
	text, err := os.ReadFile(w.path(resource, id))
	if errors.Is(err, fs.ErrNotExist) {
		return tftypes.NewValue(t, nil), nil
	}
	if err != nil {
		return state, err
	}
	return tftypes.ValueFromJSON(text, t) //nolint:staticcheck // state upgrades use it too
}
