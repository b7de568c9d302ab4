package api_test

import (
	"bytes"
	"context"
	"slices"
	"testing"

	"musafir/node/api"
)

func TestOpenAPIIsValid(t *testing.T) {
	doc, err := openAPI()
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func TestOpenAPIHasTheRoutes(t *testing.T) {
	doc, err := openAPI()
	if err != nil {
		t.Fatal(err)
	}
	var described []string
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			described = append(described, method+" "+path)
		}
	}
	served := api.Routes()
	slices.Sort(described)
	slices.Sort(served)
	if !slices.Equal(described, served) {
		t.Errorf("openapi.json describes\n%q\nthe API serves\n%q", described, served)
	}
	if len(served) == 0 {
		t.Error("no route at all")
	}
}

func TestOpenAPIIsServed(t *testing.T) {
	a := newSite(t).do("GET", "/openapi.json", "").want(200)
	if !bytes.Equal(a.body, api.OpenAPI()) {
		t.Error("another document is served")
	}
}
