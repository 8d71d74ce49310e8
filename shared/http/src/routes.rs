//! A function's routes: a router that can be listed, and whose routes need a key unless they say otherwise.

use crate::accept::accepts_json;
use crate::{Authenticator, Code, Problem, edge};
use axum::Router;
use axum::extract::{Request, State};
use axum::handler::Handler;
use axum::http::Method;
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, delete, get, post, put};
use domain::Scope;
use platform::Entropy;
use std::convert::Infallible;

/// A method and a path, as OpenAPI names them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Operation {
    pub method: String,
    pub path: &'static str,
    /// `None`: no key is needed.
    pub scope: Option<Scope>,
}

/// Routes with the scope that each needs.
#[derive(Debug)]
pub struct Routes<S> {
    auth: Authenticator,
    router: Router<S>,
    operations: Vec<Operation>,
}

/// How a route is guarded and what it answers.
#[derive(Debug, Clone, Copy)]
enum Guard {
    Key(Scope),
    /// As `Key`, but the answer is not JSON.
    KeyAnyFormat(Scope),
    Public,
}

impl<S: Clone + Send + Sync + 'static> Routes<S> {
    pub fn new(auth: Authenticator) -> Self {
        Self { auth, router: Router::new(), operations: Vec::new() }
    }

    pub fn get<H: Handler<T, S>, T: 'static>(self, path: &'static str, scope: Scope, handler: H) -> Self {
        self.add(Method::GET, path, Guard::Key(scope), get(handler))
    }

    pub fn post<H: Handler<T, S>, T: 'static>(self, path: &'static str, scope: Scope, handler: H) -> Self {
        self.add(Method::POST, path, Guard::Key(scope), post(handler))
    }

    pub fn put<H: Handler<T, S>, T: 'static>(self, path: &'static str, scope: Scope, handler: H) -> Self {
        self.add(Method::PUT, path, Guard::Key(scope), put(handler))
    }

    pub fn delete<H: Handler<T, S>, T: 'static>(self, path: &'static str, scope: Scope, handler: H) -> Self {
        self.add(Method::DELETE, path, Guard::Key(scope), delete(handler))
    }

    /// For an answer in a format of its own, which `Accept` has no say in.
    pub fn get_any_format<H: Handler<T, S>, T: 'static>(
        self,
        path: &'static str,
        scope: Scope,
        handler: H,
    ) -> Self {
        self.add(Method::GET, path, Guard::KeyAnyFormat(scope), get(handler))
    }

    /// For everybody, without a key.
    pub fn get_public<H: Handler<T, S>, T: 'static>(self, path: &'static str, handler: H) -> Self {
        self.add(Method::GET, path, Guard::Public, get(handler))
    }

    fn add(
        mut self,
        method: Method,
        path: &'static str,
        guard: Guard,
        route: MethodRouter<S, Infallible>,
    ) -> Self {
        let (scope, negotiated) = match guard {
            Guard::Key(scope) => (Some(scope), true),
            Guard::KeyAnyFormat(scope) => (Some(scope), false),
            Guard::Public => (None, true),
        };
        let route = if negotiated { route.route_layer(from_fn(negotiate)) } else { route };
        let route = match scope {
            Some(scope) => route.route_layer(from_fn_with_state((self.auth.clone(), scope), authorize)),
            None => route,
        };
        self.router = self.router.route(path, route);
        self.operations.push(Operation { method: method.as_str().to_ascii_lowercase(), path, scope });
        self
    }

    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The service: with state, problems and request ids.
    pub fn into_service(self, state: S, entropy: Entropy) -> Router {
        edge(self.router.with_state(state), entropy)
    }
}

async fn authorize(
    State((auth, scope)): State<(Authenticator, Scope)>,
    request: Request,
    next: Next,
) -> Response {
    let allowed = match auth.authenticate(request.headers()).await {
        Ok(caller) => caller.require(scope),
        Err(problem) => Err(problem),
    };
    match allowed {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

async fn negotiate(request: Request, next: Next) -> Response {
    if accepts_json(request.headers()) {
        next.run(request).await
    } else {
        Problem::new(Code::NotAcceptable, "Answers are `application/json`.").into_response()
    }
}
