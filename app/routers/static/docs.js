// Starts Swagger UI on this service's own document; everything comes from this host.
"use strict";

window.ui = SwaggerUIBundle({
  url: new URL("openapi.json", document.baseURI).href,
  dom_id: "#docs",
  deepLinking: true,
  displayRequestDuration: true,
  docExpansion: "list",
  defaultModelExpandDepth: 2,
  defaultModelsExpandDepth: 0,
  filter: true,
  requestSnippetsEnabled: true,
  tryItOutEnabled: true,
  // Keys stay in this tab: nothing is written to the browser's storage.
  persistAuthorization: false,
  // The public validator would be told every address that is documented here.
  validatorUrl: null,
});
