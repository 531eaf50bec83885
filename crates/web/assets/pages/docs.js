// Paths are relative to the page, so that the page also works under a path prefix of a reverse proxy.
SwaggerUIBundle({
  url: new URL("openapi.json", location.href).href,
  dom_id: "#swagger-ui",
  presets: [SwaggerUIBundle.presets.apis],
  deepLinking: true,
  displayRequestDuration: true,
  filter: true,
  docExpansion: "list",
  // null keeps the document from being sent to a validator elsewhere.
  validatorUrl: null,
  oauth2RedirectUrl: new URL("docs/oauth2-redirect", location.href).href,
});
