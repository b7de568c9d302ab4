package api_test

import (
	"slices"
	"strings"
	"testing"

	"musafir/node/api"
)

// role is what openapi.json says that a route takes, "" for none.
func role(t *testing.T, method, path string) string {
	t.Helper()
	doc, err := openAPI()
	if err != nil {
		t.Fatal(err)
	}
	op := doc.Paths.Value(path).GetOperation(method)
	if op.Security == nil {
		t.Fatalf("%s %s: openapi.json does not say what it takes", method, path)
	}
	for _, requirement := range *op.Security {
		return requirement["token"][0]
	}
	return ""
}

// TestRights walks the routes with each kind of token.
func TestRights(t *testing.T) {
	s := newSite(t)
	viewer := app("viewer")
	viewer.ReadOnly = true
	s.know(app("editor"), viewer)
	may := map[string][]string{
		token:    {"", "read", "write", "administer"},
		"editor": {"", "read", "write"},
		"viewer": {"", "read"},
		"":       {""},
	}
	for _, route := range api.Routes() {
		method, path, _ := strings.Cut(route, " ")
		needs := role(t, method, path)
		path = strings.NewReplacer("{collection}", "c", "{id}", "a").Replace(path)
		body := ""
		if method != "GET" && method != "DELETE" {
			body = "{}"
		}
		for given, roles := range may {
			a := s.do(method, path, body, bearer(given))
			let := a.status != 401 && a.status != 403
			if want := slices.Contains(roles, needs); let != want {
				t.Errorf("%s with the token %q: %d, which needs %q", route, given, a.status, needs)
			}
			if !let && given != "" {
				a.problem(403, map[string]string{"write": "may only read", "administer": "the device's own token"}[needs])
			}
		}
	}
}

// What a role means.
func TestRoles(t *testing.T) {
	for _, route := range api.Routes() {
		method, path, _ := strings.Cut(route, " ")
		got := role(t, method, path)
		switch {
		case route == "GET /healthz":
			if got != "" {
				t.Errorf("%s needs %q", route, got)
			}
		case method == "GET":
			if got == "" {
				t.Errorf("%s needs no token", route)
			}
		case got != "write" && got != "administer":
			t.Errorf("%s does more than read, and needs %q", route, got)
		}
	}
	for _, path := range []string{"/v1/invites", "/v1/verify"} {
		if got := role(t, "POST", path); got != "administer" {
			t.Errorf("%s needs %q", path, got)
		}
	}
}
