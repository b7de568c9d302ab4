package api_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

const webPage = "https://clinic.example"

// webSite is a site that knows a web app.
func webSite(t *testing.T) *site {
	s := newSite(t)
	web := app("web")
	web.Origin = webPage
	s.know(app("plain"), web)
	return s
}

func TestTokensAndOrigins(t *testing.T) {
	s := webSite(t)
	cross := "Sec-Fetch-Site: cross-site"
	for _, tt := range []struct {
		name    string
		token   string
		headers []string
		status  int
		detail  string
	}{
		{"the web app", "web", []string{"Origin: " + webPage, cross}, 200, ""},
		{"without Sec-Fetch-Site", "web", []string{"Origin: " + webPage}, 200, ""},
		{"its token without an origin", "web", nil, 403, "only for the web app at " + webPage},
		{"its token at the API's own origin", "web", []string{"Origin: " + s.server.URL}, 403, "only for the web app at " + webPage},
		{"its token elsewhere", "web", []string{"Origin: https://evil.example", cross}, 403, "another origin"},
		{"its token on another port", "web", []string{"Origin: " + webPage + ":8443", cross}, 403, "another origin"},
		{"its token, unencrypted", "web", []string{"Origin: http://clinic.example", cross}, 403, "another origin"},
		{"its token, no origin to speak of", "web", []string{"Origin: null", cross}, 403, "another origin"},
		{"an app's token there", "plain", []string{"Origin: " + webPage, cross}, 403, "names no origin"},
		{"the device's own token there", token, []string{"Origin: " + webPage, cross}, 403, "names no origin"},
		{"a wrong token there", "wrong", []string{"Origin: " + webPage, cross}, 401, "wrong"},
		{"a link", "web", []string{cross}, 403, "another origin"},
		{"an app's token without an origin", "plain", nil, 200, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			a := s.do("GET", "/v1/status", "", append(tt.headers, bearer(tt.token))...)
			a.t = t
			if a.want(tt.status); tt.status != 200 {
				a.problem(tt.status, tt.detail)
			}
			want := ""
			if slices.Contains(tt.headers, "Origin: "+webPage) {
				want = webPage
			}
			if got := a.header.Get("Access-Control-Allow-Origin"); got != want {
				t.Errorf("allowed for %q, want %q", got, want)
			}
			if got := a.header.Get("Vary"); want != "" && got != "Origin" {
				t.Errorf("Vary %q", got)
			}
			if got := a.header.Get("Access-Control-Allow-Credentials"); got != "" {
				t.Errorf("credentials: %q", got)
			}
		})
	}
}

// What an answer varies by, it says all of.
func TestVaryOfAPage(t *testing.T) {
	s := webSite(t)
	a := s.do("GET", "/v1/changes", "", "Origin: "+webPage, bearer("web")).want(200)
	if got := a.header.Values("Vary"); !slices.Equal(got, []string{"Origin", "Accept"}) {
		t.Errorf("Vary %q", got)
	}
}

// preflight is what a browser asks before it sends a request, without a token.
func (s *site) preflight(method, path, origin string, headers ...string) *http.Response {
	s.t.Helper()
	headers = append(headers, "Authorization: ", "Origin: "+origin, "Sec-Fetch-Site: cross-site", "Access-Control-Request-Method: "+method)
	resp, err := s.server.Client().Do(s.request("OPTIONS", path, "", headers...))
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		s.t.Fatal(err)
	}
	return resp
}

func TestPreflight(t *testing.T) {
	s := webSite(t)
	resp := s.preflight("PATCH", "/v1/records/c/a", webPage)
	if resp.StatusCode != 204 {
		t.Fatal(resp.Status)
	}
	for name, want := range map[string]string{
		"Access-Control-Allow-Origin":          webPage,
		"Access-Control-Allow-Methods":         "DELETE, GET, PATCH, PUT",
		"Access-Control-Max-Age":               "600",
		"Access-Control-Allow-Private-Network": "",
		"Access-Control-Allow-Credentials":     "",
		"Vary":                                 "Origin",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
	resp = s.preflight("PATCH", "/v1/records/c/a", webPage, "Access-Control-Request-Private-Network: true")
	if got := resp.Header.Get("Access-Control-Allow-Private-Network"); got != "true" {
		t.Errorf("private network: %q", got)
	}
}

func TestPreflightsThatAreRefused(t *testing.T) {
	s := webSite(t)
	for _, tt := range []struct {
		name, path, origin string
		headers            []string
		status             int
	}{
		{"a foreign origin", "/v1/status", "https://evil.example", nil, 403},
		{"an origin that ends like it", "/v1/status", "https://x.clinic.example", nil, 403},
		{"a foreign host", "/v1/status", webPage, []string{"Host: evil.example"}, 403},
		{"no such path", "/v1/nothing", webPage, nil, 404},
	} {
		resp := s.preflight("GET", tt.path, tt.origin, tt.headers...)
		if allowed := resp.Header.Get("Access-Control-Allow-Origin"); resp.StatusCode != tt.status || tt.status == 403 && allowed != "" {
			t.Errorf("%s: %s, allowed for %q", tt.name, resp.Status, allowed)
		}
	}
	s.know(app("plain"))
	if resp := s.preflight("GET", "/v1/status", webPage); resp.StatusCode != 403 {
		t.Errorf("after its token was removed: %s", resp.Status)
	}
	// OPTIONS that asks for nothing is a request like others.
	s.do("OPTIONS", "/v1/status", "", "Authorization: ").problem(401, "is needed")
	s.do("OPTIONS", "/v1/status", "").problem(405, "This path takes GET.")
}

// Web apps may send and see every header that openapi.json has.
func TestHeadersOfPages(t *testing.T) {
	s := webSite(t)
	doc, err := openAPI()
	if err != nil {
		t.Fatal(err)
	}
	resp := s.preflight("PUT", "/v1/records/c/a", webPage)
	sent := strings.Split(strings.ToLower(resp.Header.Get("Access-Control-Allow-Headers")), ", ")
	seen := strings.Split(strings.ToLower(resp.Header.Get("Access-Control-Expose-Headers")), ", ")
	want := []string{"authorization", "content-type", "content-encoding"}
	for _, p := range doc.Components.Parameters {
		if p.Value.In == "header" {
			want = append(want, strings.ToLower(p.Value.Name))
		}
	}
	same(t, "sent", sent, want)
	want = nil
	for name := range answerHeaders(doc) {
		want = append(want, strings.ToLower(name))
	}
	same(t, "seen", seen, want)
}

func same(t *testing.T, what string, got, want []string) {
	t.Helper()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, openapi.json has %q", what, got, want)
	}
}

// answerHeaders are the headers of all answers.
func answerHeaders(doc *openapi3.T) map[string]bool {
	names := map[string]bool{}
	note := func(r *openapi3.ResponseRef) {
		for name := range r.Value.Headers {
			names[name] = true
		}
	}
	for _, r := range doc.Components.Responses {
		note(r)
	}
	for _, item := range doc.Paths.Map() {
		for _, op := range item.Operations() {
			for _, r := range op.Responses.Map() {
				note(r)
			}
		}
	}
	for name := range doc.Components.Headers {
		names[name] = true
	}
	return names
}
